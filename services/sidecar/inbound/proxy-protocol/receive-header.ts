import type { Socket } from 'node:net';
import { readProxyHeader } from './header.ts';
import type { ProxiedClient } from './reading.ts';

export type Received =
  | { readonly kind: 'header'; readonly client: ProxiedClient | 'proxy' }
  /** No connection of a client: `reason` says what was wrong, undefined where the other end left before it began. */
  | { readonly kind: 'refused'; readonly reason: string | undefined };

/** Takes the PROXY header off a connection, and not one byte more: what follows it is left for whoever reads next. */
export function receiveHeader(socket: Socket, withinMs: number): Promise<Received> {
  return new Promise((resolve) => {
    let bytes: Buffer = Buffer.alloc(0);
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const reading = readProxyHeader(bytes);
      if (reading.kind === 'fault') finish({ kind: 'refused', reason: reading.reason });
      if (reading.kind === 'header') finish({ kind: 'header', client: reading.client }, bytes.subarray(reading.length));
    };
    const onClose = (): void => {
      finish({ kind: 'refused', reason: bytes.length === 0 ? undefined : 'the PROXY header is cut off' });
    };
    const timer = setTimeout(() => finish({ kind: 'refused', reason: 'no whole PROXY header came in time' }), withinMs);
    const finish = (received: Received, rest?: Buffer): void => {
      clearTimeout(timer);
      socket.off('readable', onReadable).off('end', onClose).off('close', onClose).off('error', onClose);
      if (rest !== undefined && rest.length > 0) socket.unshift(rest);
      resolve(received);
    };
    socket.on('readable', onReadable).on('end', onClose).on('close', onClose).on('error', onClose);
    if (socket.readableLength > 0) onReadable();
  });
}
