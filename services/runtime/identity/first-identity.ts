import { isUnreachable } from '#proto/errors/index.ts';
import type { Identity } from '../identity-source.ts';
import type { CaSource } from './ca-source.ts';
import { identityFileOf, loadIdentity } from './identity-file.ts';
import type { IdentityOptions } from './identity-options.ts';
import { joinByToken, readJoinToken, type JoinToken } from './join-token-file.ts';
import { retryDelayMs } from './renewal-time.ts';

export interface FirstIdentity {
  readonly identity: Identity;
  readonly tokenHash: string;
  /** From an earlier run: what was revoked since then it does not know. */
  readonly kept: boolean;
}

/**
 * A token that was not used yet is newer than what was kept, and goes first; what was kept serves when the token is spent
 * or the authority is away. Waits while the authority is away and nothing was kept.
 */
export async function firstIdentity(
  { ca, token: file }: CaSource,
  { clock, logger, signal }: IdentityOptions,
): Promise<FirstIdentity> {
  for (let failures = 1; ; failures += 1) {
    const kept = usable(identityFileOf(file), clock.now());
    let token: JoinToken;
    try {
      token = readJoinToken(file);
    } catch (error) {
      if (kept !== undefined) return kept;
      throw error;
    }
    if (kept?.tokenHash === token.hash) return kept;
    try {
      return { identity: await joinByToken(ca, token, signal), tokenHash: token.hash, kept: false };
    } catch (error) {
      if (kept !== undefined) {
        logger.warn('join token of no use, going on with the identity that was kept', { error });
        return kept;
      }
      if (!isUnreachable(error) || signal.aborted) throw error;
      if (failures === 1) logger.warn('waiting for the certificate authority', { error });
      await clock.sleep(Math.min(retryDelayMs(failures, 0) / 4, 2000), signal);
    }
  }
}

function usable(file: string, now: Date): FirstIdentity | undefined {
  const stored = loadIdentity(file);
  return stored !== undefined && stored.identity.expiresAt > now ? { ...stored, kept: true } : undefined;
}
