import { readToken } from '#policies/tokens/verify-token.ts';
import { isJoinToken } from '#ca/join-token.ts';
import type { Clock } from '#runtime/clock.ts';
import { bearerOf, type Authenticator } from '../certificate-service/claim.ts';
import type { Issuer } from './issuer.ts';

/**
 * By token of a configured issuer. The issuer that the token names is believed only as far as to know whose keys it must
 * be signed with. A token of another issuer, or that is no JWT, is left to whoever comes next.
 */
export function authenticateIssuer(issuers: readonly Issuer[], clock: Clock): Authenticator {
  return async (context) => {
    const bearer = bearerOf(context);
    if (bearer === undefined || isJoinToken(bearer) || issuers.length === 0) return undefined;
    const token = readToken(bearer);
    if ('kind' in token) return undefined;
    const issuer = issuers.find(({ name }) => name === token.claims['iss']);
    if (issuer === undefined) return undefined;
    const { id, subject } = await issuer.identify(token, clock.now());
    const warrant = { caller: `oidc:${issuer.name}#${subject.slice(0, 500)}`, grant: issuerGrant(issuer.name) };
    return { id, dnsNames: [], ttlSeconds: undefined, warrant };
  };
}

export function issuerGrant(issuer: string): string {
  return `oidc:${issuer}`;
}
