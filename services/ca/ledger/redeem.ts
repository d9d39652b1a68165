import { GarrisonError } from '#proto/errors/index.ts';
import type { StoredToken } from './port.ts';

const remedy = 'make a new one with `garrison identity token create`';

/** Why a token cannot be redeemed. Whoever holds the secret may know: it is of no use to anybody any more. */
export function refuseRedemption(token: StoredToken | undefined, at: Date): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', reasonOf(token, at), { remedy });
}

function reasonOf(token: StoredToken | undefined, at: Date): string {
  if (token === undefined) return 'the join token is not known';
  if (token.redeemedAt !== undefined) return `the join token was used at ${token.redeemedAt.toISOString()}`;
  if (token.expiresAt <= at) return `the join token expired at ${token.expiresAt.toISOString()}`;
  return 'the join token cannot be redeemed';
}
