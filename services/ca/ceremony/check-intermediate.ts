import { readAltNames, readBasicConstraints, readKeyUsage, readTbs, uriTag } from '#ca/certificate/read-certificate.ts';
import { keyUsages } from '#ca/certificate/write-extensions.ts';
import { oids } from '#ca/der/oids.ts';
import type { Issuer } from '#ca/issue/issuer.ts';
import { mostBelow } from '#ca/issue/plan-authority.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** A root signs intermediates of its own trust domain and nothing else, whoever asks. */
export function checkIntermediate(toSign: Uint8Array, trustDomain: TrustDomain, root: Issuer): void {
  const tbs = readTbs(toSign);
  const value = (name: string): Uint8Array => tbs.extensions.get(name)?.value ?? new Uint8Array(0);
  const { ca, pathLength = Infinity } = readBasicConstraints(value(oids.basicConstraints));
  const usages = readKeyUsage(value(oids.keyUsage)).join();
  const names = readAltNames(value(oids.subjectAltName)).map(({ tag, text }) => `${tag}:${text}`);
  const checks: readonly (readonly [boolean, string])[] = [
    [Buffer.compare(tbs.issuer, root.subject) === 0, 'names another issuer'],
    [ca && pathLength <= mostBelow, 'is none of an authority that stands directly above leaves'],
    [usages === [keyUsages.keyCertSign, keyUsages.cRLSign].join(), 'has other usages'],
    [names.join() === `${uriTag}:spiffe://${trustDomain}`, 'is of another trust domain'],
    [tbs.notAfter <= root.validity.notAfter, 'outlives the root'],
  ];
  const fault = checks.find(([right]) => !right)?.[1];
  if (fault === undefined) return;
  throw new GarrisonError('PERMISSION_DENIED', `the certificate that the authority wants signed ${fault}`, {
    remedy: 'nothing was signed; look who asks',
  });
}
