/** Where access log lines go. Lines are whole and end with a line feed. */
export interface LineSink extends AsyncDisposable {
  write(lines: string): Promise<void>;
  /** Goes on in a new file of the same name, for whoever moved the old one away. */
  reopen(): void;
}

/** Lines that wait for their sink, so many and no more: a slow disk costs log lines, never memory or reports. */
export class LineQueue implements AsyncDisposable {
  readonly #sink: LineSink;
  readonly #maxWaiting: number;
  readonly #onDropped: (lines: number, error: unknown) => void;
  #waiting: string[] = [];
  #size = 0;
  #writing: Promise<void> | undefined;

  constructor(options: {
    sink: LineSink;
    /** UTF-16 units that may wait. */
    maxWaiting: number;
    /** `error` is undefined where the queue was full. */
    onDropped: (lines: number, error: unknown) => void;
  }) {
    this.#sink = options.sink;
    this.#maxWaiting = options.maxWaiting;
    this.#onDropped = options.onDropped;
  }

  add(line: string): void {
    if (this.#size + line.length > this.#maxWaiting) {
      this.#onDropped(1, undefined);
      return;
    }
    this.#waiting.push(line);
    this.#size += line.length;
    this.#writing ??= this.#drain();
  }

  reopen(): void {
    this.#sink.reopen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing;
    await this.#sink[Symbol.asyncDispose]();
  }

  async #drain(): Promise<void> {
    // Lines of one turn of the event loop go out together.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      const lines = this.#waiting;
      this.#waiting = [];
      this.#size = 0;
      try {
        await this.#sink.write(lines.join(''));
      } catch (error) {
        this.#onDropped(lines.length, error);
      }
    }
    this.#writing = undefined;
  }
}
