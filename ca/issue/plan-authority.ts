import { GarrisonError } from '#proto/errors/index.ts';
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
    ...(issuer === undefined ? {} : { pathLength: pathLengthUnder(issuer) }),
  };
}

/** Below an intermediate of ours may stand those of authorities that this one signs for, and below theirs leaves. */
export const mostBelow = 1;

/** How many authorities may stand below a new intermediate of this issuer (RFC 5280 §4.2.1.9). */
function pathLengthUnder({ pathLength }: Pick<Issuer, 'pathLength'>): number {
  if (pathLength === undefined) return mostBelow;
  if (pathLength > 0) return Math.min(mostBelow, pathLength - 1);
  throw new GarrisonError('FAILED_PRECONDITION', 'the issuing certificate may sign leaves only', {
    remedy:
      'replace it by one without `pathlen:0`: `garrison identity rotate --issuing` makes one under a root of our own; ' +
      'one from elsewhere comes from where its root is',
  });
}
