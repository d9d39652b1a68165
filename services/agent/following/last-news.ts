import { NodeNews } from '#proto/gen/garrison/v1/node-entries.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';

const fileName = 'last-news';

/**
 * What the authority said last, kept so that an agent that restarts while the authority is away can tell its workloads
 * whom to believe. Nothing in it is secret; keys and certificates of workloads are never on the disk.
 */
export class LastNews {
  readonly #state: StateFolder;
  readonly #logger: Logger;
  #last: NodeNews = { entries: undefined, trust: undefined };

  constructor(state: StateFolder, logger: Logger) {
    this.#state = state;
    this.#logger = logger;
  }

  /** Undefined where nothing was kept, or nothing that can be read. */
  load(): NodeNews | undefined {
    try {
      const text = this.#state.read(fileName);
      return text === undefined ? undefined : (this.#last = NodeNews.decode(Buffer.from(text, 'base64')));
    } catch (error) {
      this.#logger.warn('what the authority said last cannot be read', { error });
      return undefined;
    }
  }

  keep({ entries, trust }: NodeNews): void {
    this.#last = { entries: entries ?? this.#last.entries, trust: trust ?? this.#last.trust };
    try {
      this.#state.write(fileName, Buffer.from(NodeNews.encode(this.#last).finish()).toString('base64'));
    } catch (error) {
      this.#logger.error('what the authority said is not kept', { error });
    }
  }
}
