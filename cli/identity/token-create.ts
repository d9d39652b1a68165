import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, identityFlags, namedIdentity, secondsOf, withAdmin } from './admin.ts';
import { dateOf } from './certificate-text.ts';
import { writeSecret } from './write-secret.ts';

export const verb = declareVerb({
  name: 'identity token create',
  summary: 'make a join token: whoever shows it first gets the identity it stands for, once',
  flags: {
    ...identityFlags,
    name: { kind: 'string', value: 'NAME', describe: 'or: the Registration with the selector `token:NAME` decides' },
    'dns-name': { kind: 'strings', value: 'NAME', describe: 'a DNS name that its certificates carry too' },
    ttl: { kind: 'string', value: 'DURATION', describe: 'how long it may be redeemed; `ca.joinTokenTtl` when absent' },
    out: { kind: 'string', value: 'FILE', describe: 'write it there (0600) instead of showing it' },
    ...adminFlags,
  },
  example: 'garrison identity token create --service-account default/reviews --out ./token',
  async run(invocation) {
    const { flags, output, cwd } = invocation;
    return withAdmin(invocation, async ({ client, config }) => {
      const id = namedIdentity(flags, config);
      if ((id === undefined) === (flags.name === undefined)) {
        throw new GarrisonError('INVALID_ARGUMENT', 'a token stands for one identity or for one registration', {
          remedy: 'give one of `--service-account`, `--spiffe-id` and `--name`',
        });
      }
      const made = await callUnary(client.createToken.bind(client), {
        spiffeId: id?.toString() ?? '',
        name: flags.name ?? '',
        dnsNames: flags['dns-name'],
        ttlSeconds: secondsOf(flags.ttl, '--ttl'),
      });
      const stands = { id: made.id, spiffeId: id?.toString() ?? null, name: flags.name ?? null };
      const expires = dateOf(made.expires);
      if (flags.out === undefined) {
        output.result({ ...stands, token: made.token, expires }, made.token);
      } else {
        const file = path.resolve(cwd, flags.out);
        writeSecret(file, `${made.token}\n`);
        output.result({ ...stands, file, expires }, file);
      }
      if (flags.name !== undefined && made.unregistered) {
        output.note(
          `no Registration in force has the selector \`token:${flags.name}\`: until one has, the token is refused`,
        );
        output.note(
          `write one: \`garrison identity register NAME --service-account NS/SA --selector token:${flags.name}\``,
        );
      }
      output.note(`good once, until ${expires ?? 'used'}`);
      return 0;
    });
  },
});
