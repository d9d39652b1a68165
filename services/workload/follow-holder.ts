import type { Holder } from './holdings.ts';

/** Sends a message at once and another whenever it says something new. Equal messages are made once, wherever they go. */
export async function* followHolder<T>(
  { changes }: Holder,
  signal: AbortSignal,
  read: () => Promise<T>,
  write: (found: T) => Buffer,
): AsyncGenerator<Buffer, void, void> {
  let sent: Buffer | undefined;
  while (!signal.aborted) {
    const seen = changes.version;
    const message = write(await read());
    if (sent === undefined || (message !== sent && !message.equals(sent))) {
      sent = message;
      yield message;
    }
    await changes.after(seen, signal);
  }
}

/** What is made of an object, made once for as long as that object lives. */
export function madeOnce<K extends object>(make: (from: K) => Uint8Array): (from: K) => Buffer {
  const made = new WeakMap<K, Buffer>();
  return (from) => {
    let message = made.get(from);
    if (message === undefined) made.set(from, (message = Buffer.from(make(from))));
    return message;
  };
}
