import type { ClientReadableStream } from '@grpc/grpc-js';

/** Messages of a stream, one at a time. */
export class Messages<T> implements Disposable {
  readonly #stream: ClientReadableStream<T>;
  readonly #iterator: AsyncIterator<T>;

  constructor(stream: ClientReadableStream<T>) {
    this.#stream = stream;
    this.#iterator = stream[Symbol.asyncIterator]() as AsyncIterator<T>;
  }

  async next(): Promise<T> {
    const result = await this.#iterator.next();
    if (result.done === true) throw new Error('the stream ended');
    return result.value;
  }

  /** The first message that meets a condition. */
  async until(holds: (message: T) => boolean): Promise<T> {
    for (;;) {
      const message = await this.next();
      if (holds(message)) return message;
    }
  }

  [Symbol.dispose](): void {
    this.#stream.on('error', () => undefined);
    this.#stream.cancel();
  }
}
