import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseJoinToken } from '#ca/join-token.ts';
import { GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import type { Address } from '../address.ts';
import { TrustClient } from '#proto/gen/garrison/v1/identity.ts';
import { grpcClient } from '../grpc/client.ts';
import { staticIdentity, type Identity, type IdentitySource } from '../identity-source.ts';
import { followTrust, sameTrust, type TrustNews } from './follow-trust.ts';
import { fetchPinnedRoot } from './fetch-pinned-root.ts';
import { isSpent } from './is-spent.ts';
import { identityFileOf, loadIdentity, storeIdentity } from './identity-file.ts';
import { RenewingIdentity } from './renewing-identity.ts';
import { retryDelayMs } from './renewal-time.ts';
import { isAuthority, requestCertificate } from './request-certificate.ts';
import type { IdentityOptions } from './identity-options.ts';

export interface CaSource {
  readonly ca: Address;
  /** File with the join token. */
  readonly token: string;
}

const firstNewsMs = 2000;

/** An identity by join token, kept beside the token and renewed by itself; follows what the authority says of trust. */
export async function identityFromCa(
  source: CaSource,
  options: IdentityOptions,
): Promise<IdentitySource & AsyncDisposable> {
  const { logger } = options;
  const stop = new AbortController();
  const signal = AbortSignal.any([options.signal, stop.signal]);
  const file = identityFileOf(source.token);
  const keep = (identity: Identity, tokenHash: string): Identity => {
    try {
      storeIdentity(file, { identity, tokenHash });
    } catch (error) {
      logger.error('identity not kept', { error });
    }
    return identity;
  };
  const { identity, tokenHash } = await firstIdentity(source, options, keep);
  const renew = async (current: Identity): Promise<Identity> => {
    const proof = { kind: 'identity', identity: staticIdentity(current) } as const;
    const { revoked = new Set(), refused = [] } = current;
    return keep({ ...(await requestCertificate(source.ca, proof, signal)), revoked, refused }, tokenHash);
  };
  const renewing = new RenewingIdentity(identity, { ...options, signal, renew });
  const client = grpcClient(TrustClient, source.ca, { kind: 'tls', identity: renewing, expect: isAuthority });
  const heard = Promise.withResolvers<boolean>();
  const use = (news: TrustNews): void => {
    take(news, renewing, keep, tokenHash);
    heard.resolve(true);
  };
  const following = followTrust(client, use, { ...options, signal });
  // A certificate comes with the one root it stands on; the others that are trusted are told here.
  await Promise.race([heard.promise, following, options.clock.sleep(firstNewsMs, signal)]);
  return {
    current: () => renewing.current(),
    onChange: (listener) => renewing.onChange(listener),
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      client.close();
      await Promise.all([following, renewing[Symbol.asyncDispose]()]);
    },
  };
}

function take(
  news: TrustNews,
  renewing: RenewingIdentity,
  keep: (identity: Identity, tokenHash: string) => Identity,
  tokenHash: string,
): void {
  const { bundle, revoked, refused } = news;
  if (!sameTrust(renewing.current(), news)) {
    renewing.replaceTrust({ bundle, revoked, refused });
    // A restart must not begin with roots that are gone, nor without those that sign by then.
    keep(renewing.current(), tokenHash);
  }
  renewing.renewWhere((identity) => isSpent(identity, news));
}

interface First {
  readonly identity: Identity;
  readonly tokenHash: string;
}

/**
 * A token that was not used yet is newer than what was kept, and goes first; what was kept serves when the token is spent
 * or the authority is away. Waits while the authority is away and nothing was kept.
 */
async function firstIdentity(
  source: CaSource,
  { clock, logger, signal }: IdentityOptions,
  keep: (identity: Identity, tokenHash: string) => Identity,
): Promise<First> {
  for (let failures = 1; ; failures += 1) {
    const kept = usable(identityFileOf(source.token), clock.now());
    let token: string;
    try {
      token = readToken(source.token);
    } catch (error) {
      if (kept !== undefined) return kept;
      throw error;
    }
    const tokenHash = createHash('sha256').update(token).digest('hex');
    if (kept?.tokenHash === tokenHash) return kept;
    try {
      const root = await fetchPinnedRoot(source.ca, parseJoinToken(token).rootHash, signal);
      const identity = await requestCertificate(source.ca, { kind: 'token', token, root }, signal);
      return { identity: keep(identity, tokenHash), tokenHash };
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

function usable(file: string, now: Date): First | undefined {
  const kept = loadIdentity(file);
  return kept !== undefined && kept.identity.expiresAt > now ? kept : undefined;
}

function readToken(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the join token \`${file}\` cannot be read`, {
      place: 'identity.token',
      remedy: 'write it there with `garrison identity token create`',
      cause,
    });
  }
}
