import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { type ConnectionOptions, type TLSSocket, connect as tlsConnect } from 'node:tls';
import type { Identity } from '#runtime/identity-source.ts';

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** Sends bytes and collects what comes back until the other end closes. An empty text: it closed without a word. */
export async function exchangeRaw(socket: Socket, bytes: string | Buffer): Promise<RawAnswer> {
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  socket.on('error', () => undefined);
  // Not `once`, which rejects at an error: a reset is one way to be closed.
  const closed = new Promise<void>((resolve) => (socket.closed ? resolve() : socket.once('close', () => resolve())));
  socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes);
  await closed;
  const text = Buffer.concat(chunks).toString('latin1');
  return { status: Number(/^HTTP\/1\.[01] ([0-9]{3})/.exec(text)?.[1] ?? 0), text };
}

export async function plainSocket(port: number): Promise<Socket> {
  const socket = connect({ host: '127.0.0.1', port });
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** A TLS connection that trusts whom it meets: what is under test is the server's judgement. */
export async function tlsSocket(port: number, identity?: Identity, more: ConnectionOptions = {}): Promise<TLSSocket> {
  const socket = tlsConnect({
    host: '127.0.0.1',
    port,
    rejectUnauthorized: false,
    ...(identity === undefined ? {} : { cert: identity.certificates.join('\n'), key: identity.privateKey }),
    ...more,
  });
  await once(socket, 'secureConnect');
  socket.on('error', () => undefined);
  return socket;
}

/** One request over an open connection, which closes after it. */
export function get(socket: Socket, path = '/', fields: readonly string[] = []): Promise<RawAnswer> {
  const lines = [`GET ${path} HTTP/1.1`, 'host: web.shop', 'connection: close', ...fields];
  return exchangeRaw(socket, `${lines.join('\r\n')}\r\n\r\n`);
}
