import { GarrisonError } from '#proto/errors/index.ts';
import type { NodeNews } from '#proto/gen/garrison/v1/node-entries.ts';
import type { IdentityOptions } from '#runtime/identity/identity-options.ts';
import type { AuthorityLink } from '../asking/authority-link.ts';

export interface Follower {
  /** News, each the first of its connection or a change. */
  hear(news: NodeNews): void;
  /** The authority does not accept this node's certificate. */
  refused(reason: string): void;
  /** The documents do not name this node any more. */
  notEntitled(reason: string): void;
  /** The authority is away, or does not let us in; how often in a row. */
  away(error: GarrisonError, failures: number): Promise<void> | void;
}

export interface FollowOptions extends IdentityOptions {
  readonly link: Pick<AuthorityLink, 'watch'>;
  /** Aborts when the stream is to be opened anew, with another certificate. */
  readonly turn: () => AbortSignal;
}

const longestMs = 10_000;

/** Holds the stream of news open, and opens it again, with growing pauses and jitter, whenever it ends. */
export async function followAuthority(follower: Follower, options: FollowOptions): Promise<void> {
  const { link, clock, logger, signal, random } = options;
  const ended = (): boolean => signal.aborted;
  for (let failures = 0; !ended();) {
    const turn = options.turn();
    try {
      for await (const news of link.watch(AbortSignal.any([signal, turn]))) {
        failures = 0;
        follower.hear(news);
      }
      if (turn.aborted) continue;
      throw new GarrisonError('UNAVAILABLE', 'the authority ended the stream');
    } catch (error) {
      if (ended()) return;
      const known = error instanceof GarrisonError ? error : new GarrisonError('INTERNAL', String(error));
      failures += 1;
      logger.warn('the authority is not followed', { error: known, failures });
      if (known.code === 'UNAUTHENTICATED') follower.refused(known.message);
      else if (known.code === 'PERMISSION_DENIED') follower.notEntitled(known.message);
      else await follower.away(known, failures);
    }
    const pause = Math.min(100 * 2 ** Math.min(failures - 1, 10), longestMs) * (0.5 + random());
    // A new identity is a reason to try at once.
    await clock.sleep(pause, AbortSignal.any([signal, turn]));
  }
}
