import type { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import type { Steps } from '#schema/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { inSlices } from '#runtime/in-slices.ts';
import type { Logger } from '#runtime/logger.ts';
import type { ActiveRevision } from './active-revision.ts';

/** Revisions as they come into force; ends or throws when the stream does. */
export type WatchRevisions = (signal: AbortSignal) => AsyncIterable<Revision>;

export interface FollowOptions {
  readonly watch: WatchRevisions;
  readonly compile: (revision: Revision) => Steps<ActiveRevision>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

const firstPauseMs = 200;
const longestPauseMs = 5_000;

/**
 * The revision in force, as the authorization service tells it. While that is away the last one stays: routes and modes
 * do not change by themselves, and deciding is not done from here.
 */
export class FollowedRevision {
  readonly #options: FollowOptions;
  readonly #listeners = new Set<(revision: ActiveRevision) => void>();
  #current: ActiveRevision | undefined;
  #refused: string | undefined;

  constructor(options: FollowOptions) {
    this.#options = options;
  }

  get current(): ActiveRevision | undefined {
    return this.#current;
  }

  /** Why the newest one that was sent is not in force here. */
  get refused(): string | undefined {
    return this.#refused;
  }

  onChange(listener: (revision: ActiveRevision) => void): void {
    this.#listeners.add(listener);
  }

  /** Follows until the signal aborts. */
  async follow(): Promise<void> {
    const { watch, clock, logger, signal } = this.#options;
    const ended = (): boolean => signal.aborted;
    let pause = firstPauseMs;
    while (!ended()) {
      try {
        for await (const revision of watch(signal)) {
          pause = firstPauseMs;
          await this.#take(revision);
        }
      } catch (error) {
        if (!ended()) logger.warn('revisions cannot be followed', { error });
      }
      if (!ended()) await clock.sleep(pause, signal);
      pause = Math.min(pause * 2, longestPauseMs);
    }
  }

  async #take(revision: Revision): Promise<void> {
    const { compile, clock, logger, signal } = this.#options;
    if (revision.number === this.#current?.number) return;
    try {
      const active = await inSlices(compile(revision), { clock, signal });
      this.#current = active;
      this.#refused = undefined;
      logger.info('revision in force', { revision: active.number, documents: active.documents });
      for (const listener of this.#listeners) listener(active);
    } catch (error) {
      if (signal.aborted) return;
      this.#refused = error instanceof Error ? error.message : String(error);
      logger.error('revision refused', { revision: revision.number, error });
    }
  }
}
