import { GarrisonError } from '#proto/errors/index.ts';
import { formatAddress } from '#runtime/address.ts';
import type { UpstreamConfig } from '#runtime/config/upstream-config.ts';
import type { Logger } from '#runtime/logger.ts';
import type { BorrowedKeys } from '../keys/borrowed-keys.ts';
import { followPluggedIn } from '../plugged-in/follow-plugged-in.ts';
import { PluggedInSource } from '../plugged-in/plugged-in-source.ts';
import { diskUpstream } from '../upstream/disk-upstream.ts';
import { followUpstream, type Followers } from '../upstream/follow-upstream.ts';
import { spiffeUpstream } from '../upstream/spiffe-upstream.ts';
import type { AboveTrouble } from '../upstream/upstream-trouble.ts';
import { UpstreamSource } from '../upstream/upstream-source.ts';
import { ownDnsNames } from '../serving/own-identity.ts';
import type { AuthorityFolder } from './authority-files.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { Ceremony } from './create-authority.ts';
import { ownSource } from './own-source.ts';

interface Options extends Ceremony, AuthorityFolder {
  readonly keys: BorrowedKeys;
  readonly passphrase: string | undefined;
  readonly logger: Logger;
  readonly random: () => number;
}

export interface OpenSource extends AsyncDisposable {
  readonly source: AuthoritySource;
  /** Follows what changes where the authorities come from, until the signal aborts. */
  follow(followers: Followers, signal: AbortSignal): Promise<void>;
  /** Why nothing is heard from there; absent where nothing ever is. */
  trouble?(): AboveTrouble | undefined;
  /** For the status page. */
  describe(): unknown;
}

export interface SourceSettings {
  readonly pluggedIn: string | undefined;
  readonly upstream: UpstreamConfig | undefined;
  readonly serverNames: readonly string[];
}

/** Where this configuration's authorities come from. */
export function openSource({ pluggedIn, upstream, serverNames }: SourceSettings, options: Options): OpenSource {
  const { clock, logger } = options;
  const dnsNames = ownDnsNames(serverNames);
  const nothing = (): Promise<void> => Promise.resolve();
  if (pluggedIn !== undefined && upstream !== undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', '`ca.pluggedIn` and `ca.upstream` exclude each other', {
      place: 'ca.upstream',
      remedy: 'keep one of them',
    });
  }
  if (pluggedIn !== undefined) {
    const source = new PluggedInSource(pluggedIn, { ...options, dnsNames });
    return {
      source,
      follow: ({ authorityDesk }, signal) => followPluggedIn(source, authorityDesk, { clock, logger, signal }),
      describe: () => ({ kind: source.kind, folder: pluggedIn, refusal: source.refusal ?? null }),
      [Symbol.asyncDispose]: nothing,
    };
  }
  if (upstream === undefined) {
    const describe = (): unknown => ({ kind: 'own' });
    return { source: ownSource(options), follow: nothing, describe, [Symbol.asyncDispose]: nothing };
  }
  const above =
    'disk' in upstream
      ? diskUpstream(upstream.disk, options.passphrase, { ...options, dnsNames })
      : spiffeUpstream(upstream.spiffe, { ...options, ttlSeconds: options.life.issuingSeconds });
  const source = new UpstreamSource(above, options);
  return {
    source,
    follow: async (followers, signal) => {
      signal.addEventListener('abort', () => void above[Symbol.asyncDispose](), { once: true });
      await followUpstream(source, followers, logger);
    },
    trouble: () => above.trouble?.(),
    describe: () =>
      'disk' in upstream
        ? { kind: source.kind, by: 'disk' }
        : {
            ...{ kind: source.kind, by: 'spiffe', address: formatAddress(upstream.spiffe.address) },
            trouble: above.trouble?.() ?? null,
          },
    [Symbol.asyncDispose]: () => above[Symbol.asyncDispose](),
  };
}
