import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { writeRequest } from '#ca/csr/write-request.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, identityFlags, namedIdentity, secondsOf, withAdmin } from './admin.ts';
import { writeSecret } from './write-secret.ts';

export const verb = declareVerb({
  name: 'identity mint',
  summary: 'make a key and get it certified for any identity of the trust domain, as the owner of the authority',
  flags: {
    ...identityFlags,
    'dns-name': { kind: 'strings', value: 'NAME', describe: 'a DNS name that the certificate carries too' },
    ttl: { kind: 'string', value: 'DURATION', describe: 'how long it is good; `ca.x509Ttl` when absent' },
    out: {
      kind: 'string',
      value: 'FOLDER',
      required: true,
      describe: 'where certificate.pem, key.pem (0600) and bundle.pem go',
    },
    force: { kind: 'boolean', describe: 'replace what is there already under these names' },
    ...adminFlags,
  },
  example: 'garrison identity mint --service-account default/me --out ./me',
  async run(invocation) {
    const { flags, output, cwd } = invocation;
    return withAdmin(invocation, async ({ client, config }) => {
      const id = namedIdentity(flags, config);
      if (id === undefined) {
        throw new GarrisonError('INVALID_ARGUMENT', 'no identity is named', {
          remedy: 'give `--service-account` or `--spiffe-id`',
        });
      }
      const folder = path.resolve(cwd, flags.out);
      const file = (name: string): string => path.join(folder, name);
      const files = { certificate: file('certificate.pem'), key: file('key.pem'), bundle: file('bundle.pem') };
      if (!flags.force) refuseReplacing(Object.values(files));
      // The key is made here and stays here; only the request travels.
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const minted = await callUnary(client.mint.bind(client), {
        spiffeId: id.toString(),
        dnsNames: flags['dns-name'],
        ttlSeconds: secondsOf(flags.ttl, '--ttl'),
        csr: Buffer.from(await writeRequest(keySigner(privateKey))),
      });
      const pem = (ders: readonly Uint8Array[]): string => ders.map((der) => encodePem('CERTIFICATE', der)).join('');
      writeSecret(files.key, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString());
      writeSecret(files.certificate, pem(minted.chain.slice(0, -1)), 0o644);
      writeSecret(files.bundle, pem(minted.bundle), 0o644);
      const expires = new X509Certificate(minted.chain[0] ?? Buffer.alloc(0)).validToDate.toISOString();
      output.result(
        { spiffeId: id.toString(), serial: minted.serial, expires, ...files },
        Object.values(files).join('\n'),
      );
      output.note(`${id.toString()}, good until ${expires}`);
      return 0;
    });
  },
});

/** Before anything is signed: a key exists once, and who uses the one that is there would be left with a certificate of another. */
function refuseReplacing(files: readonly string[]): void {
  const there = files.find((file) => existsSync(file));
  if (there === undefined) return;
  throw new GarrisonError('ALREADY_EXISTS', `\`${there}\` is there already`, {
    place: '--out',
    remedy: 'name another folder, or replace what is there with `--force`',
  });
}
