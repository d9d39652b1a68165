import { isJoinToken } from '#ca/join-token.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { StoredToken } from '../ledger/port.ts';
import { entitled, grantOf, type Registrations } from '#services/workload/registrations.ts';
import type { TokenDesk } from '../tokens/token-desk.ts';
import { bearerOf, type Authenticator, type Claim } from './claim.ts';

/** By join token. It is spent only with the intent to sign, so a broken request does not cost it. */
export function authenticateToken(tokens: TokenDesk, registrations: Registrations, clock: Clock): Authenticator {
  return async (context) => {
    const bearer = bearerOf(context);
    if (bearer === undefined || !isJoinToken(bearer)) return undefined;
    const token = await tokens.lookUp(bearer);
    return { ...claimOf(token, registrations), ...{ warrant: warrantOf(token, registrations, clock) } };
  };
}

function claimOf(token: StoredToken, registrations: Registrations): Omit<Claim, 'warrant'> {
  if (token.spiffeId !== '') {
    return { id: parseSpiffeId(token.spiffeId), dnsNames: token.dnsNames, ttlSeconds: undefined };
  }
  const registration = registrationOf(token, registrations);
  return {
    id: parseSpiffeId(registration.spiffeId),
    dnsNames: registration.dnsNames,
    ttlSeconds: registration.x509TtlSeconds,
  };
}

function warrantOf(token: StoredToken, registrations: Registrations, clock: Clock): Claim['warrant'] {
  const grant = token.spiffeId === '' ? grantOf(registrationOf(token, registrations)) : `token:${token.id}`;
  return { caller: `token:${token.id}`, grant, redeem: { hash: token.hash, at: clock.now() } };
}

function registrationOf({ name }: StoredToken, { current }: Registrations): Registration {
  if (current === undefined) throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet');
  const registration = registeredAs(name, current);
  if (registration !== undefined) return registration;
  throw new GarrisonError('PERMISSION_DENIED', `no registration is for the token name \`${name}\``, {
    remedy: `add a Registration with the selector \`token:${name}\``,
  });
}

/** What a token of this name stands for. */
export function registeredAs(name: string, current: readonly Registration[]): Registration | undefined {
  return entitled(current, new Set([`token:${name}`]))[0];
}
