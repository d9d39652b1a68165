import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, identityFlags, namedIdentity, withAdmin } from './admin.ts';
import { authorityJson, authorityText } from './authority-text.ts';
import { countOf, refuseUntainted, standingOn } from './standing.ts';

export const verb = declareVerb({
  name: 'identity revoke',
  summary: 'make certificates worthless at once: one, all of an identity, or all of an authority',
  flags: {
    serial: { kind: 'string', value: 'SERIAL', describe: 'one certificate; an intermediate with all under it' },
    ...identityFlags,
    authority: {
      kind: 'string',
      value: 'ID',
      describe:
        'an authority that signs no more: its root leaves the bundle; where another one stands under it, it alone is refused',
    },
    reason: { kind: 'string', value: 'TEXT', describe: 'for the record' },
    force: {
      kind: 'boolean',
      describe: 'the authority at once, also while identities stand on it that were not replaced',
    },
    ...adminFlags,
  },
  example: 'garrison identity revoke --service-account default/reviews --reason "key leaked"',
  async run(invocation) {
    const { flags, output } = invocation;
    return withAdmin(invocation, async ({ client, uses, config }) => {
      const id = namedIdentity(flags, config);
      if ([flags.serial, id, flags.authority].filter((given) => given !== undefined).length !== 1) {
        throw new GarrisonError('INVALID_ARGUMENT', 'one thing is revoked at a time', {
          remedy: 'give one of `--serial`, `--spiffe-id`, `--service-account` and `--authority`',
        });
      }
      if (flags.authority !== undefined) {
        const standing = await standingOn(uses, flags.authority);
        if (!flags.force) refuseUntainted(standing);
        const order = { step: 'revoke', id: flags.authority };
        const revoked = await callUnary(client.changeAuthority.bind(client), order);
        output.result(authorityJson(revoked), authorityText(revoked));
        if (standing !== undefined && standing.identities.length > 0) {
          const count = countOf(standing, 'stood on it', 'stood on it');
          output.note(
            `${count}: refused from now on; who joined with a token says on \`/readyz\` that it needs a new one`,
          );
        }
        return 0;
      }
      const order = { serial: flags.serial ?? '', spiffeId: id?.toString() ?? '', reason: flags.reason ?? '' };
      const { serials } = await callUnary(client.revokeCertificate.bind(client), order);
      for (const serial of serials) output.result({ serial, revoked: true }, serial);
      output.note(serials.length === 1 ? '1 certificate revoked' : `${serials.length} certificates revoked`);
      return 0;
    });
  },
});
