import { createPrivateKey, X509Certificate } from 'node:crypto';
import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { splitDer } from '#ca/der/split.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { TrustClient } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVID, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { parseAddress } from '../address.ts';
import { fromServiceError } from '../grpc/call-unary.ts';
import { grpcClient } from '../grpc/client.ts';
import type { Identity, IdentitySource } from '../identity-source.ts';
import { followTrust, type TrustNews } from './follow-trust.ts';
import { readIdentity } from './read-identity.ts';
import { retryDelayMs } from './renewal-time.ts';
import { whyWorthless } from './why-worthless.ts';
import type { IdentityOptions } from './identity-options.ts';

export interface WorkloadApiSource {
  /** Path or `unix:` address of the socket. */
  readonly workloadApi: string;
  /** Which identity, where the caller has several; the default one when absent. */
  readonly spiffeId?: string | undefined;
}

/** What counts no more, though it verifies. */
type Told = Pick<TrustNews, 'revoked' | 'refused'>;

const firstNewsMs = 2000;

/** The identity that the Workload API pushes. Renewing is the server's work; here the stream is held open and opened again. */
export class WorkloadApiIdentity implements IdentitySource, AsyncDisposable {
  readonly #source: WorkloadApiSource;
  readonly #options: IdentityOptions;
  readonly #client: SpiffeWorkloadAPIClient;
  readonly #listeners = new Set<(identity: Identity) => void>();
  readonly #stop = new AbortController();
  readonly #trust: TrustClient;
  #told: Told = { revoked: new Set(), refused: [] };
  #current: Identity | undefined;
  #loop: Promise<void> = Promise.resolve();

  private constructor(source: WorkloadApiSource, options: IdentityOptions) {
    this.#source = source;
    this.#options = options;
    const address = source.workloadApi.includes(':') ? source.workloadApi : `unix:${source.workloadApi}`;
    this.#client = grpcClient(SpiffeWorkloadAPIClient, parseAddress(address), { kind: 'plaintext' });
    this.#trust = grpcClient(TrustClient, parseAddress(address), { kind: 'plaintext' });
    options.signal.addEventListener('abort', this.#end, { once: true });
  }

  /** Resolves with the first identity. Rejects only when the server says that asking again is of no use. */
  static async open(source: WorkloadApiSource, options: IdentityOptions): Promise<WorkloadApiIdentity> {
    const made = new WorkloadApiIdentity(source, options);
    if (options.signal.aborted) made.#end();
    await new Promise<void>((resolve, reject) => {
      made.#listeners.add(() => resolve());
      made.#loop = made.#run().then(() => reject(ended()), reject);
    });
    made.#listeners.clear();
    made.#loop.catch(() => undefined);
    // The bundle comes with the SVIDs; what was revoked is our own service's to tell, and told before anybody is let in.
    const { signal } = made.#stop;
    const heard = Promise.withResolvers<boolean>();
    const use = ({ revoked, refused }: Told): void => {
      made.#refuse({ revoked, refused });
      heard.resolve(true);
    };
    const following = followTrust(made.#trust, use, { ...options, signal });
    await Promise.race([heard.promise, following, options.clock.sleep(firstNewsMs, signal)]);
    return made;
  }

  current(): Identity {
    if (this.#current === undefined) throw ended();
    return this.#current;
  }

  onChange(listener: (identity: Identity) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  trouble(): string | undefined {
    const { workloadApi } = this.#source;
    const why = this.#current && whyWorthless(this.#current);
    return (
      why &&
      `its certificate ${why}; let \`${workloadApi}\` give it another one: a Registration whose selectors it meets`
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#options.signal.removeEventListener('abort', this.#end);
    this.#end();
    await this.#loop.catch(() => undefined);
  }

  readonly #end = (): void => {
    this.#stop.abort();
    this.#client.close();
    this.#trust.close();
  };

  #stopped(): boolean {
    return this.#stop.signal.aborted;
  }

  async #run(): Promise<void> {
    const { clock, logger } = this.#options;
    for (let failures = 1; !this.#stopped(); failures += 1) {
      try {
        await this.#stream(() => (failures = 0));
      } catch (error) {
        if (this.#stopped()) return;
        // SPIFFE Workload Endpoint §6: whoever is told InvalidArgument must not try again.
        if (error instanceof GarrisonError && error.code === 'INVALID_ARGUMENT') throw error;
        logger.warn('no identity from the workload API yet', { socket: this.#source.workloadApi, error });
      }
      await clock.sleep(retryDelayMs(Math.max(failures, 1), 0), this.#stop.signal);
    }
  }

  async #stream(received: () => void): Promise<void> {
    const metadata = new Metadata();
    metadata.set('workload.spiffe.io', 'true');
    const stream: ClientReadableStream<X509SVIDResponse> = this.#client.fetchX509Svid({}, metadata);
    const cancel = (): void => stream.cancel();
    this.#stop.signal.addEventListener('abort', cancel, { once: true });
    try {
      for await (const message of stream) {
        this.#accept(message as X509SVIDResponse);
        received();
      }
    } catch (error) {
      throw error instanceof GarrisonError ? error : fromServiceError(error as Parameters<typeof fromServiceError>[0]);
    } finally {
      this.#stop.signal.removeEventListener('abort', cancel);
    }
  }

  #accept({ svids }: X509SVIDResponse): void {
    const { spiffeId } = this.#source;
    const svid = spiffeId === undefined ? svids[0] : svids.find((one) => one.spiffeId === spiffeId);
    if (svid === undefined) {
      const which = spiffeId ?? 'any identity';
      throw new GarrisonError('PERMISSION_DENIED', `the workload API does not give this process \`${which}\``, {
        remedy: 'register it: a Registration document whose selectors it meets',
      });
    }
    const next = identityOf(svid);
    if (next.certificates[0] === this.#current?.certificates[0] && same(next.bundle, this.#current?.bundle)) return;
    this.#replace(next);
  }

  #refuse(told: Told): void {
    if (same([...told.revoked], [...this.#told.revoked]) && same(told.refused, this.#told.refused)) return;
    this.#told = told;
    if (this.#current !== undefined) this.#replace(this.#current);
  }

  #replace(next: Identity): void {
    const current = { ...next, ...this.#told };
    this.#current = current;
    for (const listener of this.#listeners) listener(current);
  }
}

function identityOf(svid: X509SVID): Identity {
  const key = createPrivateKey({ key: Buffer.from(svid.x509SvidKey), format: 'der', type: 'pkcs8' });
  return readIdentity({
    certificates: pems(svid.x509Svid, 'x509_svid'),
    privateKey: key.export({ format: 'pem', type: 'pkcs8' }).toString(),
    bundle: pems(svid.bundle, 'bundle'),
  });
}

function pems(der: Uint8Array, place: string): string[] {
  return splitDer(der, place).map((one) => new X509Certificate(one).toString());
}

function same(a: readonly string[], b: readonly string[] | undefined): boolean {
  return a.join() === b?.join();
}

function ended(): GarrisonError {
  return new GarrisonError('CANCELLED', 'ended before there was an identity');
}
