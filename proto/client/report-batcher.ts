import { encodeReport } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';

export type DropReason = 'queue-full' | 'send-failed' | 'refused' | 'not-encodable';

export interface ReportBatcherOptions {
  readonly send: (request: ReportRequest) => Promise<void>;
  /** Resolves after `ms`, or at once when the signal aborts. */
  readonly sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  /** A batch goes out when it has so many entries (Mixer's clients: 100) … */
  readonly maxEntries?: number;
  /** … or so long after its first entry (Mixer's clients: 1,000 ms). */
  readonly maxDelayMs?: number;
  /** What may wait while the collector is slow or away. Beyond it the newest are dropped, and counted. */
  readonly maxQueued?: number;
  readonly onDropped: (count: number, reason: DropReason) => void;
  /** How many elements of a refused batch the collector kept all the same; 0 when absent. */
  readonly keptOf?: (error: unknown) => number;
}

/** What a collector answers when it kept nothing of a batch, so that the whole of it may be sent again. */
const retryable: ReadonlySet<unknown> = new Set(['UNAVAILABLE', 'RESOURCE_EXHAUSTED', 'DEADLINE_EXCEEDED']);

/**
 * Collects reports and sends them in batches, one batch at a time and in order. A batch that found nobody is tried
 * once more; one whose elements were refused is not, because the others of it were kept. Whatever is given up is counted. Adding never waits and never throws: reports must not slow the requests they are about.
 */
export class ReportBatcher implements AsyncDisposable {
  readonly #send: (request: ReportRequest) => Promise<void>;
  readonly #sleep: (ms: number, signal: AbortSignal) => Promise<void>;
  readonly #onDropped: (count: number, reason: DropReason) => void;
  readonly #maxEntries: number;
  readonly #maxDelayMs: number;
  readonly #maxQueued: number;
  readonly #timers = new AbortController();
  readonly #keptOf: (error: unknown) => number;
  #queue: AttributeBag[] = [];
  #sending: Promise<void> | undefined;
  #timed = false;

  constructor(options: ReportBatcherOptions) {
    this.#send = options.send;
    this.#sleep = options.sleep;
    this.#onDropped = options.onDropped;
    this.#keptOf = options.keptOf ?? (() => 0);
    this.#maxEntries = options.maxEntries ?? 100;
    this.#maxDelayMs = options.maxDelayMs ?? 1_000;
    this.#maxQueued = options.maxQueued ?? 10_000;
  }

  add(bag: AttributeBag): void {
    if (this.#queue.length >= this.#maxQueued) {
      this.#onDropped(1, 'queue-full');
      return;
    }
    this.#queue.push(bag);
    if (this.#queue.length >= this.#maxEntries) this.#start();
    else if (!this.#timed) this.#startLater();
  }

  /** Sends what is queued and resolves when each of it was sent or given up. */
  async flush(): Promise<void> {
    this.#start();
    while (this.#sending !== undefined) {
      await this.#sending;
      this.#start();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#timers.abort();
    await this.flush();
  }

  #startLater(): void {
    this.#timed = true;
    void this.#sleep(this.#maxDelayMs, this.#timers.signal).then(() => {
      this.#timed = false;
      this.#start();
    });
  }

  #start(): void {
    if (this.#sending !== undefined || this.#queue.length === 0) return;
    this.#sending = this.#drain().finally(() => {
      this.#sending = undefined;
    });
  }

  async #drain(): Promise<void> {
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0, this.#maxEntries);
      const request = this.#encode(batch);
      if (request === undefined) continue;
      await this.#deliver(request);
    }
  }

  async #deliver(request: ReportRequest): Promise<void> {
    const count = request.attributes.length;
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#send(request);
        return;
      } catch (error) {
        const again = !(error instanceof GarrisonError) || retryable.has(error.code);
        if (!again) {
          this.#onDropped(Math.max(0, count - this.#keptOf(error)), 'refused');
          return;
        }
        if (attempt === 2) {
          this.#onDropped(count, 'send-failed');
          return;
        }
      }
    }
  }

  /** One bag that cannot be written costs no other: the batch is then put together without it. */
  #encode(batch: readonly AttributeBag[]): ReportRequest | undefined {
    try {
      return encodeReport(batch);
    } catch {
      const sound = batch.filter(isEncodable);
      this.#onDropped(batch.length - sound.length, 'not-encodable');
      return sound.length === 0 ? undefined : encodeReport(sound);
    }
  }
}

function isEncodable(bag: AttributeBag): boolean {
  try {
    encodeReport([bag]);
    return true;
  } catch {
    return false;
  }
}
