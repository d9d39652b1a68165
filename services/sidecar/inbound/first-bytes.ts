import type { Socket } from 'node:net';

/**
 * The first bytes of a connection, put back for whoever reads next.
 * `silent` when none came in time, `closed` when the other end left without any.
 */
export function firstBytes(socket: Socket, withinMs: number): Promise<Buffer | 'silent' | 'closed'> {
  return new Promise((resolve) => {
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk !== null) finish(chunk);
    };
    const onClose = (): void => finish('closed');
    const timer = setTimeout(() => finish('silent'), withinMs);
    const finish = (result: Buffer | 'silent' | 'closed'): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('end', onClose).off('close', onClose).off('error', onClose);
      if (typeof result !== 'string') socket.unshift(result);
      resolve(result);
    };
    socket.on('readable', onReadable).on('end', onClose).on('close', onClose).on('error', onClose);
    if (socket.readableLength > 0) onReadable();
  });
}

/** A TLS handshake record (RFC 8446 §5.1). No HTTP request and no text protocol starts with it. */
export function isTls(bytes: Buffer): boolean {
  return bytes[0] === 0x16;
}

export type Wire = 'http1' | 'h2' | 'tcp';

const preface = 'PRI * HTTP/2.0';

/**
 * What a connection speaks. In doubt it is HTTP: there a reader that refuses what it does not understand stands
 * behind it, while bytes taken for TCP would pass unread.
 */
export function sniff(bytes: Buffer): Wire {
  const text = bytes.subarray(0, 40).toString('latin1');
  if (text.startsWith(preface) || (text.length < preface.length && text.length > 3 && preface.startsWith(text)))
    return 'h2';
  return /^[\r\n]*[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}($|[ \t])/.test(text) ? 'http1' : 'tcp';
}
