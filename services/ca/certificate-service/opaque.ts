import { randomBytes } from 'node:crypto';
import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { Logger } from '#runtime/logger.ts';

/**
 * Who cannot prove itself learns nothing of why: one answer, whatever the reason, which stands in the log under a number
 * that the answer names. What is the caller's own business passes as it is, since it is known by then who it is; so does
 * that we are not ready. `remedy` is about the way that was tried, and the same whatever the reason.
 */
export function opaque(
  error: unknown,
  { peer }: CallContext,
  logger: Logger,
  remedy = 'a join token is good once: `garrison identity token create` makes a new one',
): GarrisonError {
  const known = asGarrisonError(error);
  if (known.code === 'PERMISSION_DENIED' || (known.code === 'UNAVAILABLE' && known === error)) return known;
  const request = randomBytes(8).toString('hex');
  logger.warn('caller not authenticated', { request, from: peer.address, error: known });
  return new GarrisonError('UNAUTHENTICATED', 'the caller could not be authenticated', {
    remedy: `the authority logged why under \`request\` \`${request}\`; ${remedy}`,
  });
}
