import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { JwtSigner } from '#ca/jwt/mint-jwt.ts';
import type { Authorities, Authority } from '../authority/authorities.ts';
import type { AuthorityState } from '../ledger/port.ts';

/** One key for JWT-SVIDs as operators and its keeper see it. */
export interface JwtKeyState {
  readonly jwtKey: JwtKey;
  readonly state: AuthorityState;
  readonly since: Date;
  /** The authority it was made with, while it follows that one's life. */
  readonly with: Authority | undefined;
}

/** What signs JWT-SVIDs: the active one of the keys with a life of their own; until there is one, that of the active authority. */
export function jwtSigner(authorities: Authorities): JwtSigner {
  const own = authorities.jwt.find(({ state, signer }) => state === 'active' && signer !== undefined);
  return own?.signer ?? authorities.active().signers.jwt;
}

/** Every key that ever was, the one that signs first. What is said of a key by itself goes before what its authority is. */
export function jwtKeyStates(authorities: Authorities): readonly JwtKeyState[] {
  const own = authorities.jwt.map(({ jwtKey, state, since }) => ({ jwtKey, state, since, with: undefined }));
  const said = new Set(own.map(({ jwtKey }) => jwtKey.kid));
  const signing = jwtSigner(authorities).kid;
  const theirs = authorities.all
    .filter(({ jwtKey }) => !said.has(jwtKey.kid))
    .map((one) => {
      // It would sign if no other did: nobody needs to learn that it no longer does.
      const state: AuthorityState = one.state === 'active' && one.jwtKey.kid !== signing ? 'old' : one.state;
      return { jwtKey: one.jwtKey, state, since: one.since, with: one };
    });
  return [...own, ...theirs].sort((a, b) => Number(b.jwtKey.kid === signing) - Number(a.jwtKey.kid === signing));
}

/** Keys that JWT-SVIDs of this trust domain are verified with, the signing one first. */
export function trustedJwtKeys(authorities: Authorities): readonly JwtKey[] {
  return jwtKeyStates(authorities).flatMap(({ jwtKey, state }) => (state === 'revoked' ? [] : [jwtKey]));
}
