import type { PublicKey } from '../keys/public-key.ts';
import { parseSpiffeId, type TrustDomain } from '../spiffe-id.ts';
import { keyIdOf, type Issuer } from './issuer.ts';
import type { CertificatePlan } from './prepare.ts';
import type { SerialHex } from './serial.ts';
import type { Validity } from './validity.ts';

/** A root or intermediate. Its name ends in its key's identifier: two authorities never share a name. */
export function planAuthority(
  profile: 'root' | 'intermediate',
  parts: {
    readonly trustDomain: TrustDomain;
    readonly serial: SerialHex;
    readonly key: PublicKey;
    readonly validity: Validity;
    readonly issuer: Issuer | undefined;
  },
): CertificatePlan {
  const { trustDomain, serial, key, validity, issuer } = parts;
  const role = profile === 'root' ? 'root' : 'issuing CA';
  const suffix = Buffer.from(keyIdOf(key)).toString('hex').slice(0, 8);
  return {
    profile,
    serial,
    // SPIFFE-ID §2.2: the identity without a path is the authority's.
    id: parseSpiffeId(`spiffe://${trustDomain}`),
    dnsNames: [],
    // X.520 allows a common name of 64 characters.
    commonName: `${trustDomain.slice(0, 44)} ${role} ${suffix}`,
    validity,
    subjectKey: key,
    issuer,
  };
}
