import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readIssuer } from '#ca/issue/issuer.ts';
import { lint } from '#ca/issue/lint.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { prepare } from '#ca/issue/prepare.ts';
import type { CertificatePlan } from '#ca/issue/prepare.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { sign } from '#ca/issue/sign.ts';
import { validityFor } from '#ca/issue/validity.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';

export interface StrangersCertificate {
  /** PEM, the leaf first. */
  readonly cert: string;
  readonly key: string;
}

/** A well-made client certificate for `id`, by an authority that the mesh has never heard of. */
export async function strangersCertificate(id: string, now: Date): Promise<StrangersCertificate> {
  const spiffeId = parseSpiffeId(id);
  const authority = newKey();
  const leaf = newKey();
  const signer = keySigner(authority);
  const validity = validityFor({ now, seconds: 600, backdateSeconds: 60, within: undefined });
  const serial = (): CertificatePlan['serial'] => newSerial(1, now, randomBytes);
  const root = await sign(
    lint(
      prepare(
        planAuthority('root', {
          trustDomain: spiffeId.trustDomain,
          serial: serial(),
          key: signer.publicKey,
          validity,
          issuer: undefined,
        }),
      ),
    ),
    signer,
  );
  const certificate = await sign(
    lint(
      prepare({
        profile: 'leaf',
        serial: serial(),
        id: spiffeId,
        dnsNames: [],
        commonName: '',
        validity,
        subjectKey: keySigner(leaf).publicKey,
        issuer: readIssuer(root),
      }),
    ),
    signer,
  );
  return {
    cert: encodePem('CERTIFICATE', certificate) + encodePem('CERTIFICATE', root),
    key: leaf.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

function newKey(): ReturnType<typeof generateKeyPairSync>['privateKey'] {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}
