import { generateKeyPairSync, randomBytes } from 'node:crypto';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { lint } from '#ca/issue/lint.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { prepare, type CertificatePlan } from '#ca/issue/prepare.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { sign } from '#ca/issue/sign.ts';
import { validityFor } from '#ca/issue/validity.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';

export interface TestAuthority {
  readonly root: Issuer;
  readonly rootSigner: Signer;
  readonly issuing: Issuer;
  readonly signer: Signer;
}

export const day = 86_400;

export function newSigner(curve: 'P-256' | 'P-384' = 'P-256'): Signer {
  return keySigner(generateKeyPairSync('ec', { namedCurve: curve }).privateKey);
}

/** Root and intermediate made by the library itself, ten years and one from `now`. */
export async function testAuthority(
  now: Date,
  curve: 'P-256' | 'P-384' = 'P-256',
  trustDomain = parseTrustDomain('example.org'),
): Promise<TestAuthority> {
  const rootSigner = newSigner(curve);
  const make = async (profile: 'root' | 'intermediate', key: Signer, issuer?: Issuer): Promise<Issuer> => {
    const seconds = (profile === 'root' ? 3650 : 365) * day;
    const plan = planAuthority(profile, {
      trustDomain,
      serial: newSerial(1, now, randomBytes),
      key: key.publicKey,
      validity: validityFor({ now, seconds, backdateSeconds: 60, within: issuer?.validity }),
      issuer,
    });
    return readIssuer(await sign(lint(prepare(plan)), rootSigner));
  };
  const root = await make('root', rootSigner);
  const signer = newSigner(curve);
  return { root, rootSigner, issuing: await make('intermediate', signer, root), signer };
}

export function leafPlan(authority: TestAuthority, now: Date, more: Partial<CertificatePlan> = {}): CertificatePlan {
  return {
    profile: 'leaf',
    serial: newSerial(1, now, randomBytes),
    id: parseSpiffeId('spiffe://example.org/ns/shop/sa/cart'),
    dnsNames: ['cart.shop.svc'],
    commonName: '',
    validity: validityFor({ now, seconds: 3600, backdateSeconds: 60, within: authority.issuing.validity }),
    subjectKey: newSigner().publicKey,
    issuer: authority.issuing,
    ...more,
  };
}
