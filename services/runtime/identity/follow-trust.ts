import { X509Certificate } from 'node:crypto';
import type { ClientReadableStream, Metadata, ServiceError } from '@grpc/grpc-js';
import { encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { TrustBundle, WatchBundleRequest } from '#proto/gen/garrison/v1/identity.ts';
import { fromServiceError } from '../grpc/call-unary.ts';
import type { IdentityOptions } from './identity-options.ts';
import type { Trust } from './renewing-identity.ts';
import { retryDelayMs } from './renewal-time.ts';

/** What of a Trust client is used here. */
export interface TrustWatcher {
  watchBundle(request: WatchBundleRequest, metadata?: Metadata): ClientReadableStream<TrustBundle>;
}

/** What the authority says about whom to believe. */
export interface TrustNews extends Trust {
  readonly revoked: ReadonlySet<string>;
  readonly refused: readonly string[];
  /** Roots whose certificates are to be replaced at once. */
  readonly tainted: readonly X509Certificate[];
  /** Names of authorities whose certificates are to be replaced at once, though their roots may be sound. */
  readonly spent: ReadonlySet<string>;
}

export interface FollowTrustOptions extends IdentityOptions {
  /** How often in a row it was not to be had. */
  readonly onFailed?: (failures: number) => void;
}

const againMs = 100;

/** Holds the authority's Trust.WatchBundle open and hands on what it says, until the signal aborts or the server does not have it. */
export async function followTrust(
  client: TrustWatcher,
  use: (news: TrustNews) => void,
  { clock, logger, signal, random, onFailed }: FollowTrustOptions,
): Promise<void> {
  const ended = (): boolean => signal.aborted;
  for (let failures = 1; !ended(); failures += 1) {
    const stream = client.watchBundle({});
    const cancel = (): void => stream.cancel();
    signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of stream) {
        failures = 0;
        use(newsOf(message as TrustBundle));
      }
    } catch (error) {
      const known = error instanceof GarrisonError ? error : fromServiceError(error as ServiceError);
      // Another kind of authority, which tells its bundle in other ways.
      if (known.code === 'UNIMPLEMENTED') return;
      if (!ended()) {
        logger.debug('trust not followed', { error: known });
        onFailed?.(failures);
      }
    } finally {
      signal.removeEventListener('abort', cancel);
    }
    // One that was heard is heard again soon: what is revoked meanwhile is believed until then.
    await clock.sleep(failures === 0 ? againMs * (0.5 + random()) : retryDelayMs(failures, 0), signal);
  }
}

export function newsOf({ roots, tainted, revoked, spent, refused }: TrustBundle): TrustNews {
  return {
    bundle: pems(roots),
    tainted: tainted.map((der) => new X509Certificate(der)),
    revoked: new Set(revoked),
    spent: new Set(spent),
    refused: pems(refused),
  };
}

export function sameTrust(one: Trust, other: Trust): boolean {
  const print = ({ bundle, revoked = new Set(), refused = [] }: Trust): string =>
    [bundle, [...revoked], refused].map((part) => part.join()).join(';');
  return print(one) === print(other);
}

function pems(ders: readonly Uint8Array[]): string[] {
  return ders.map((der) => encodePem('CERTIFICATE', der));
}
