import { randomBytes } from 'node:crypto';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { planAuthority } from '#ca/issue/plan-authority.ts';
import { newSerial } from '#ca/issue/serial.ts';
import { validityFor } from '#ca/issue/validity.ts';
import type { Signer } from '#ca/keys/signer.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { recordAndSign, type Press } from '../issuing/record-and-sign.ts';
import type { FreshKey, KeyStore } from '../keys/key-store.ts';

export interface AuthorityLife {
  readonly rootSeconds: number;
  readonly issuingSeconds: number;
}

const year = 365 * 86_400;
export const defaultAuthorityLife: AuthorityLife = { rootSeconds: 10 * year, issuingSeconds: year };

/** For clocks that run behind ours when a new mesh starts. */
const backdateSeconds = 300;

export interface NewIssuing {
  readonly issuing: Issuer;
  readonly issuingKey: FreshKey;
}

export interface NewAuthority extends NewIssuing {
  readonly root: Issuer;
  readonly rootKey: FreshKey;
  readonly jwtKey: FreshKey;
}

export interface Ceremony extends Press {
  readonly trustDomain: TrustDomain;
  /** First byte of serials; may change while the process runs. */
  readonly instance: () => number;
  readonly life: AuthorityLife;
  readonly keys: KeyStore;
}

const self = { caller: 'self', grant: 'self' };

/** A new root and an intermediate under it, both on the record. No key is anybody's until it is kept. */
export async function createAuthority(ceremony: Ceremony): Promise<NewAuthority> {
  const { keys } = ceremony;
  const rootKey = await keys.make('root');
  const root = await certify(ceremony, 'root', rootKey.signer, undefined);
  return { root, rootKey, jwtKey: await keys.make('jwt'), ...(await createIssuing(ceremony, root, rootKey.signer)) };
}

/** A new intermediate under a root. */
export async function createIssuing(ceremony: Ceremony, root: Issuer, rootSigner: Signer): Promise<NewIssuing> {
  const issuingKey = await ceremony.keys.make('issuing');
  const by = { issuer: root, signer: rootSigner };
  return { issuing: await certify(ceremony, 'intermediate', issuingKey.signer, by), issuingKey };
}

async function certify(
  ceremony: Ceremony,
  profile: 'root' | 'intermediate',
  own: Signer,
  by: { issuer: Issuer; signer: Signer } | undefined,
): Promise<Issuer> {
  const { clock, trustDomain, instance, life } = ceremony;
  const now = clock.now();
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
