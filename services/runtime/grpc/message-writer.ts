import type { ServerHttp2Stream } from 'node:http2';

const flushAtBytes = 32_768;

/** Writes messages of one stream: those of one turn of the event loop leave together, and nobody writes ahead of a slow reader. */
export class MessageWriter {
  readonly #stream: ServerHttp2Stream;
  #pending: Buffer[] = [];
  #bytes = 0;
  #scheduled: NodeJS.Immediate | undefined;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  /** Undefined when the next message may follow at once, else resolves when the reader has caught up or is gone. */
  write(framed: Buffer): Promise<void> | undefined {
    this.#pending.push(framed);
    this.#bytes += framed.length;
    if (this.#bytes >= flushAtBytes) this.flush();
    else this.#scheduled ??= setImmediate(() => this.flush());
    return this.#stream.writableNeedDrain ? this.#drained() : undefined;
  }

  flush(): void {
    clearImmediate(this.#scheduled);
    this.#scheduled = undefined;
    if (this.#pending.length === 0) return;
    const [first] = this.#pending;
    const bytes = this.#pending.length === 1 && first !== undefined ? first : Buffer.concat(this.#pending, this.#bytes);
    this.#pending = [];
    this.#bytes = 0;
    if (!this.#stream.destroyed && !this.#stream.writableEnded) this.#stream.write(bytes);
  }

  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#stream.off('drain', done);
        this.#stream.off('close', done);
        resolve();
      };
      this.#stream.on('drain', done);
      this.#stream.on('close', done);
      if (this.#stream.destroyed) done();
    });
  }
}
