import type { Writable } from 'node:stream';
import type { LineSink } from './line-sink.ts';

/** Standard output, or any other stream that is not ours to close. */
export class StreamSink implements LineSink {
  readonly #stream: Writable;

  constructor(stream: Writable) {
    this.#stream = stream;
  }

  write(lines: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#stream.write(lines, (error) => {
        if (error) reject(error);
        else resolve();
      });
    });
  }

  reopen(): void {
    // A stream has no name under which to open it again.
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }
}
