import type { MapBag } from '#proto/attributes/index.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Ledger } from '../ledger/port.ts';
import { concludedBag, jwtBag, revokedBag } from './ledger-bags.ts';

export interface ForwarderOptions {
  readonly ledger: Ledger;
  /** Resolves when the audit has it on disk. */
  readonly send: (bags: readonly MapBag[]) => Promise<void>;
  /** Principal of this authority. */
  readonly reporter: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

const pageSize = 200;
const pauseMs = 1000;
const longestPauseMs = 30_000;

interface Page {
  readonly cursor: string;
  readonly bags: readonly MapBag[];
  /** Position of the last of them. */
  readonly to: number | undefined;
}

/**
 * Tells the audit log what is concluded, revoked and minted, in the ledger's order. How far it has come is kept in the
 * ledger and moved only after the audit has answered: nothing is lost while that is away, and what was sent twice after a
 * crash carries the same request id.
 */
export class LedgerForwarder {
  readonly #options: ForwarderOptions;

  constructor(options: ForwarderOptions) {
    this.#options = options;
  }

  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    let pause = pauseMs;
    let away = false;
    while (!signal.aborted) {
      try {
        const more = await this.forwardOnce();
        if (away) logger.info('the audit log takes ledger entries again');
        away = false;
        pause = pauseMs;
        if (more) continue;
      } catch (error) {
        // Without telemetry that is how it is: said once, not as a fault.
        if (!away) logger.info('ledger entries wait for the audit log', { reason: asGarrisonError(error).message });
        away = true;
        pause = Math.min(pause * 2, longestPauseMs);
      }
      await clock.sleep(pause, signal);
    }
  }

  /** True where there is more to tell at once. */
  async forwardOnce(): Promise<boolean> {
    const { ledger, send } = this.#options;
    const cursors = await ledger.readCursors();
    const pages = await Promise.all([this.#concluded(cursors), this.#revoked(cursors), this.#minted(cursors)]);
    const bags = pages.flatMap((page) => page.bags);
    if (bags.length === 0) return false;
    await send(bags);
    const moved = pages.flatMap(({ cursor, to }): [string, number][] => (to === undefined ? [] : [[cursor, to]]));
    await ledger.moveCursors(new Map(moved));
    return pages.some((page) => page.bags.length === pageSize);
  }

  async #concluded(cursors: ReadonlyMap<string, number>): Promise<Page> {
    const { ledger, reporter } = this.#options;
    const found = await ledger.entriesAfter(cursors.get('concluded') ?? 0, pageSize);
    const bags = found.map(({ entry }) => concludedBag(reporter, entry));
    return { cursor: 'concluded', bags, to: found.at(-1)?.position };
  }

  async #revoked(cursors: ReadonlyMap<string, number>): Promise<Page> {
    const { ledger, reporter } = this.#options;
    const found = await ledger.revocationsAfter(cursors.get('revoked') ?? 0, pageSize);
    const bags = found.map(({ entry }) => revokedBag(reporter, entry));
    return { cursor: 'revoked', bags, to: found.at(-1)?.position };
  }

  async #minted(cursors: ReadonlyMap<string, number>): Promise<Page> {
    const { ledger, reporter } = this.#options;
    const found = await ledger.jwtsAfter(cursors.get('minted') ?? 0, pageSize);
    const bags = found.map((jwt) => jwtBag(reporter, jwt));
    return { cursor: 'minted', bags, to: found.at(-1)?.number };
  }
}
