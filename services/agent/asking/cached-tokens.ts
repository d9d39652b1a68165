import { decodeJwt } from 'jose';
import type { Registration } from '#policies/documents/index.ts';
import { isUnreachable } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { entryNameOf } from '#services/workload/registrations.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';

export interface CachedTokensOptions {
  readonly source: SvidSource;
  readonly clock: Clock;
  /** The longest unused goes first. */
  readonly max: number;
}

interface Kept {
  readonly token: string;
  readonly freshUntil: number;
  readonly expires: number;
}

/** A token that ends while it is on its way helps nobody. */
const leastLeftMs = 10_000;

/** JWT-SVIDs by identity and audience, each handed out until half of its life is over; one request at a time for each. */
export class CachedTokens implements SvidSource {
  readonly #options: CachedTokensOptions;
  readonly #kept = new Map<string, Kept>();
  readonly #asked = new Map<string, Promise<string>>();
  #generation = 0;

  constructor(options: CachedTokensOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Nothing that was minted until now is handed out any more: its key is to be trusted no more. */
  clear(): void {
    this.#generation += 1;
    this.#kept.clear();
    this.#asked.clear();
  }

  issue(...asked: Parameters<SvidSource['issue']>): ReturnType<SvidSource['issue']> {
    return this.#options.source.issue(...asked);
  }

  async mintJwt(registration: Registration, audience: readonly string[], caller: string): Promise<string> {
    const key = JSON.stringify([
      entryNameOf(registration),
      registration.spiffeId,
      registration.jwtTtlSeconds,
      audience,
    ]);
    const now = this.#options.clock.now().getTime();
    const kept = this.#kept.get(key);
    if (kept !== undefined && now < kept.freshUntil) {
      this.#keep(key, kept);
      return kept.token;
    }
    const asked = this.#asked.get(key) ?? this.#ask(key, registration, audience, caller);
    try {
      return await asked;
    } catch (error) {
      // While the authority is away what is valid still serves; what it refuses is refused.
      if (isUnreachable(error) && kept !== undefined && kept.expires - now > leastLeftMs) return kept.token;
      throw error;
    }
  }

  #ask(key: string, registration: Registration, audience: readonly string[], caller: string): Promise<string> {
    const generation = this.#generation;
    const asked = this.#options.source.mintJwt(registration, audience, caller).then((token) => {
      if (generation === this.#generation) this.#keep(key, keptOf(token));
      return token;
    });
    this.#asked.set(key, asked);
    const done = (): void => {
      if (this.#asked.get(key) === asked) this.#asked.delete(key);
    };
    asked.then(done, done);
    return asked;
  }

  /** The newest use is last. */
  #keep(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#kept.set(key, kept);
    const [oldest] = this.#kept.keys();
    if (this.#kept.size > this.#options.max && oldest !== undefined) this.#kept.delete(oldest);
  }
}

function keptOf(token: string): Kept {
  const { iat = 0, exp = 0 } = decodeJwt(token);
  return { token, freshUntil: (iat + (exp - iat) / 2) * 1000, expires: exp * 1000 };
}
