import { createHash } from 'node:crypto';
import { jwtKeyOf, type JwtKey } from '#ca/jwt/jwt-key.ts';
import type { JwtSigner } from '#ca/jwt/mint-jwt.ts';
import { readPublicKey } from '#ca/keys/public-key.ts';
import type { KeyStore } from '../keys/key-store.ts';
import type { AuthorityRecord, AuthorityState } from '../ledger/port.ts';

/** A key that signs JWT-SVIDs and has a life of its own: tokens end in minutes, a root in years. */
export interface JwtAuthority {
  readonly record: AuthorityRecord;
  readonly state: AuthorityState;
  readonly since: Date;
  readonly jwtKey: JwtKey;
  /** Only where it may sign. */
  readonly signer: JwtSigner | undefined;
}

const nothing = new Uint8Array(0);

/** In the ledger an authority without a root is one of these. */
export function isJwtRecord({ root }: Pick<AuthorityRecord, 'root'>): boolean {
  return root.length === 0;
}

export function jwtRecord(publicKey: Uint8Array, state: AuthorityState, since: Date): AuthorityRecord {
  // By its key, like every other authority.
  const id = createHash('sha256').update(publicKey).digest('hex').slice(0, 16);
  return { id, state, root: nothing, issuing: nothing, jwtKey: publicKey, since };
}

export async function loadJwtAuthority(keys: KeyStore, record: AuthorityRecord): Promise<JwtAuthority> {
  const { state, since, id: authority } = record;
  const jwtKey = jwtKeyOf(record.jwtKey);
  const signs = state === 'active' || state === 'prepared';
  const key = readPublicKey(record.jwtKey);
  const signer = signs ? { kid: jwtKey.kid, signer: await keys.open({ authority, role: 'jwt', key }) } : undefined;
  return { record, state, since, jwtKey, signer };
}
