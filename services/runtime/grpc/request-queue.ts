import type { ServerHttp2Stream } from 'node:http2';

/** How many decoded messages may wait before the stream is paused, and at how few it goes on. */
const high = 256;
const low = 64;

/** Requests of one stream, in order, for one reader. The caller is slowed down to the reader's pace. */
export class RequestQueue<T> implements AsyncIterableIterator<T> {
  readonly #stream: ServerHttp2Stream;
  readonly #waiting: T[] = [];
  #next = 0;
  #wake: ((result: IteratorResult<T>) => void) | undefined;
  #reject: ((error: Error) => void) | undefined;
  #error: Error | undefined;
  #done = false;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  push(value: T): void {
    if (this.#done) return;
    const wake = this.#wake;
    if (wake !== undefined) {
      this.#wake = this.#reject = undefined;
      wake({ value, done: false });
      return;
    }
    this.#waiting.push(value);
    if (this.#waiting.length - this.#next === high) this.#stream.pause();
  }

  /** No more will come: the reader still gets what is waiting. */
  end(error?: Error): void {
    if (this.#done) return;
    this.#done = true;
    this.#error = error;
    if (error === undefined) this.#wake?.({ value: undefined, done: true });
    else this.#reject?.(error);
    this.#wake = this.#reject = undefined;
  }

  next(): Promise<IteratorResult<T>> {
    if (this.#next < this.#waiting.length) return Promise.resolve({ value: this.#take(), done: false });
    if (this.#error !== undefined) return Promise.reject(this.#error);
    if (this.#done) return Promise.resolve({ value: undefined, done: true });
    return new Promise((resolve, reject) => {
      this.#wake = resolve;
      this.#reject = reject;
    });
  }

  return(): Promise<IteratorResult<T>> {
    this.end();
    this.#waiting.length = this.#next = 0;
    this.#stream.resume();
    return Promise.resolve({ value: undefined, done: true });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #take(): T {
    const value = this.#waiting[this.#next] as T;
    this.#next += 1;
    if (this.#next === this.#waiting.length) this.#waiting.length = this.#next = 0;
    if (this.#stream.isPaused() && this.#waiting.length - this.#next <= low) this.#stream.resume();
    return value;
  }
}
