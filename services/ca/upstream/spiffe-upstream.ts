import type { ClientReadableStream, ServiceError } from '@grpc/grpc-js';
import { DownstreamClient, TrustClient, type TrustBundle } from '#proto/gen/garrison/v1/identity.ts';
import type { Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import { callUnary, fromServiceError } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { followTrust, type TrustNews, type TrustWatcher } from '#runtime/identity/follow-trust.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import { decodePem } from '#ca/pem.ts';
import { asGarrisonError, GarrisonError } from '#proto/errors/index.ts';
import { retryDelayMs } from '#runtime/identity/renewal-time.ts';
import type { Upstream } from './upstream.ts';
import { UpstreamTrouble } from './upstream-trouble.ts';

export interface SpiffeUpstreamPlace {
  /** The TLS port of the Garrison above. */
  readonly address: Address;
  /** How this one proves to it who it is: its Workload API, or a join token. */
  readonly identity: { readonly workloadApi: string; readonly spiffeId?: string } | { readonly token: string };
}

/** Between attempts to find the authority above. */
const retryMs = 1000;
/** Together less than whoever asks for a new intermediate by hand waits for an answer. */
const [identityMs, callMs] = [2000, 7000];

interface Around {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly ttlSeconds: number;
}

type Open = IdentitySource & AsyncDisposable;

/**
 * A Garrison above this one. It knows this one by an SVID like any workload's; a Registration with `downstream: true` there
 * says that this identity may have an intermediate. The identity is opened in the background: a restart waits for nobody.
 */
export function spiffeUpstream(place: SpiffeUpstreamPlace, { ttlSeconds, ...around }: Around): Upstream {
  const stop = new AbortController();
  const { signal } = stop;
  const stopped = (): boolean => signal.aborted;
  const { address, identity: proof } = place;
  const trouble = new UpstreamTrouble(
    address,
    'token' in proof
      ? `put a new join token of it in \`${proof.token}\``
      : `let \`${proof.workloadApi}\` give it another one`,
    around,
  );
  let opening: Promise<Open> | undefined;
  const identity = (): Promise<Open> => {
    opening ??= workloadIdentity('token' in proof ? { ca: address, token: proof.token } : proof, { ...around, signal });
    opening.then(
      (opened) => opened.onChange(() => trouble.looked(opened)),
      () => (opening = undefined),
    );
    return opening;
  };
  const security = async () => ({ kind: 'tls', identity: await identity(), expect: isAuthority }) as const;
  return {
    trouble: () => trouble.current,
    newIntermediate: async ({ csr, mayWait }) => {
      let client: DownstreamClient | undefined;
      try {
        const held = mayWait ? await security() : await soon(security(), { clock: around.clock, signal });
        client = grpcClient(DownstreamClient, address, held);
        const request = { csr: Buffer.from(csr), ttlSeconds };
        return await callUnary(client.newIntermediate.bind(client), request, { signal, timeoutMs: callMs });
      } catch (error) {
        throw trouble.describe(error);
      } finally {
        client?.close();
      }
    },
    follow: async (use) => {
      let turn = Promise.resolve();
      let newer = new AbortController();
      const take = ({ bundle, tainted, spent, revoked, refused }: TrustNews): void => {
        const roots = { bundle: bundle.map(derOf), tainted: tainted.map(({ raw }) => raw) };
        const news = { ...roots, spent, revoked, refused: refused.map(derOf) };
        newer.abort();
        newer = new AbortController();
        const until = AbortSignal.any([signal, newer.signal]);
        turn = turn.then(() => insist(() => use(news), { ...around, signal: until }));
      };
      while (!stopped()) {
        const held = await security().catch((error: unknown) => {
          if (!stopped()) trouble.failed(error);
        });
        // What it says to anybody is heard also by whose own certificate it refuses.
        const client = held && grpcClient(TrustClient, address, { ...held, anonymous: true });
        if (held !== undefined && client !== undefined) {
          const use = (news: TrustNews): void => {
            trouble.heard(news.revoked, held.identity);
            take(news);
          };
          await followTrust(
            noting(client, (error) => trouble.failed(error), stopped),
            use,
            { ...around, signal },
          );
        }
        client?.close();
        await around.clock.sleep(retryMs, signal);
      }
      await turn;
    },
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      const opened = await opening?.catch(() => undefined);
      await opened?.[Symbol.asyncDispose]();
    },
  };
}

/** What it says holds whether or not the new intermediate that follows from it was to be had at once. */
async function insist(
  work: () => Promise<void>,
  { clock, logger, signal }: Pick<Around, 'clock' | 'logger'> & { signal: AbortSignal },
): Promise<void> {
  let told = '';
  for (let failures = 1; failures === 1 || !signal.aborted; failures += 1) {
    try {
      await work();
      return;
    } catch (error) {
      const reason = asGarrisonError(error).describe();
      if (reason !== told) logger.error('what the authority above says is not taken up', { error });
      told = reason;
      await clock.sleep(retryDelayMs(failures, 0), signal);
    }
  }
}

/** An authority above that is away must not keep waiting who asks this one. */
async function soon<T>(
  work: Promise<T>,
  { clock, signal }: Pick<Around, 'clock'> & { signal: AbortSignal },
): Promise<T> {
  work.catch(() => undefined);
  const late = clock.sleep(identityMs, signal).then(() => {
    throw new GarrisonError('UNAVAILABLE', 'this one has no identity there yet');
  });
  late.catch(() => undefined);
  return Promise.race([work, late]);
}

/** The same client, and a word when a stream of it breaks. */
function noting(client: TrustClient, failed: (error: unknown) => void, stopped: () => boolean): TrustWatcher {
  return {
    watchBundle: (request) => {
      const stream: ClientReadableStream<TrustBundle> = client.watchBundle(request);
      // What follows upon the first is that of a stream that is taken down.
      stream.once('error', (error: Error | ServiceError) => {
        if (!stopped()) failed('details' in error ? fromServiceError(error) : connectionEnded());
      });
      stream.on('error', () => undefined);
      return stream;
    },
  };
}

function connectionEnded(): GarrisonError {
  return new GarrisonError('UNAVAILABLE', 'the connection ended');
}

function derOf(pem: string): Uint8Array {
  return decodePem(pem, ['CERTIFICATE'], 'a certificate of the authority above');
}
