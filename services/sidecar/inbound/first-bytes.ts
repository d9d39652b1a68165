import type { Socket } from 'node:net';

/**
 * The first bytes of a connection, put back for whoever reads next: as many as are enough, or as came in time.
 * `silent` when none came in time, `closed` when the other end left without any, or before there were enough.
 */
export function firstBytes(
  socket: Socket,
  withinMs: number,
  enough: (bytes: Buffer) => boolean = () => true,
): Promise<Buffer | 'silent' | 'closed'> {
  return new Promise((resolve) => {
    let bytes = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = Buffer.concat([bytes, chunk]);
      if (enough(bytes)) finish(bytes);
    };
    const onClose = (): void => finish('closed');
    const timer = setTimeout(() => finish(bytes.length === 0 ? 'silent' : bytes), withinMs);
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
