import path from 'node:path';
import { asGarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import type { AuthorityDesk } from '../authority/authority-desk.ts';
import { makeKnownMs } from '../authority/keep-authorities.ts';
import type { PluggedInSource } from './plugged-in-source.ts';
import { pluggedInFiles } from './read-plugged-in.ts';

interface Around {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** Takes up what is put into the folder. Files that do not fit together change nothing; why is said. */
export async function followPluggedIn(
  source: PluggedInSource,
  desk: AuthorityDesk,
  { clock, logger, signal }: Around,
): Promise<void> {
  const files = pluggedInFiles.map((name) => path.join(source.folder, name));
  for await (const _ of watchFiles(files, signal)) {
    try {
      source.look();
      await takeUp();
    } catch (error) {
      source.refused(asGarrisonError(error), clock.now());
      logger.error('plugged-in authority refused, the one before stays', { folder: source.folder, error });
    }
  }

  async function takeUp(): Promise<void> {
    const taken = await desk.takeUp(source.current.chain);
    if (taken === undefined) return;
    logger.info('plugged-in authority taken up', { authority: taken.id, state: taken.state });
    if (taken.state !== 'prepared') return;
    await clock.sleep(makeKnownMs, signal);
    if (!signal.aborted) await desk.activate(taken.id);
  }
}
