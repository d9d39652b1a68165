import { generateKeyPairSync, randomBytes, type KeyObject } from 'node:crypto';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { validityFor } from '#ca/issue/validity.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { recordAndSign, type Press } from '../issuing/record-and-sign.ts';

export interface AuthorityLife {
  readonly rootSeconds: number;
  readonly issuingSeconds: number;
}

const year = 365 * 86_400;
export const defaultAuthorityLife: AuthorityLife = { rootSeconds: 10 * year, issuingSeconds: year };

/** For clocks that run behind ours when a new mesh starts. */
const backdateSeconds = 300;

export interface NewAuthority {
  readonly root: Issuer;
  readonly rootKey: KeyObject;
  readonly issuing: Issuer;
  readonly issuingKey: KeyObject;
  readonly jwtKey: KeyObject;
}

export interface Ceremony extends Press {
  readonly trustDomain: TrustDomain;
  /** First byte of serials; may change while the process runs. */
  readonly instance: () => number;
  readonly life: AuthorityLife;
}

const self = { caller: 'self', grant: 'self' };

/** A new root and an intermediate under it, both on the record. Nothing is written to files here. */
export async function createAuthority(ceremony: Ceremony): Promise<NewAuthority> {
  const rootKey = newKey();
  const root = await certify(ceremony, 'root', rootKey, undefined);
  return { root, rootKey, jwtKey: newKey(), ...(await createIssuing(ceremony, root, rootKey)) };
}

/** A new intermediate under a root. */
export async function createIssuing(
  ceremony: Ceremony,
  root: Issuer,
  rootKey: KeyObject,
): Promise<Pick<NewAuthority, 'issuing' | 'issuingKey'>> {
  const issuingKey = newKey();
  const issuer = { issuer: root, signer: keySigner(rootKey) };
  return { issuing: await certify(ceremony, 'intermediate', issuingKey, issuer), issuingKey };
}

/** P-256: signing costs a fortieth of P-384 and the roots live no longer than it is thought safe. */
function newKey(): KeyObject {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
}

async function certify(
  ceremony: Ceremony,
  profile: 'root' | 'intermediate',
  key: KeyObject,
  by: { issuer: Issuer; signer: Signer } | undefined,
): Promise<Issuer> {
  const { clock, trustDomain, instance, life } = ceremony;
  const now = clock.now();
  const own = keySigner(key);
  const seconds = profile === 'root' ? life.rootSeconds : life.issuingSeconds;
  const plan = planAuthority(profile, {
    trustDomain,
    serial: newSerial(instance(), now, randomBytes),
    key: own.publicKey,
    validity: validityFor({ now, seconds, backdateSeconds, within: by?.issuer.validity }),
    issuer: by?.issuer,
  });
  return readIssuer(await recordAndSign(ceremony, plan, by?.signer ?? own, self));
}
