import { type ServerHttp2Stream, constants } from 'node:http2';
import type { Duplex } from 'node:stream';
import type { Connection } from '../connection.ts';
import { fromH2, toH2 } from './h2-fields.ts';
import { type Fields, type RequestHead, type ResponseHead, isBodyless } from './message.ts';
import type { Body, Exchange, Transfer } from './port.ts';
import { pump } from './pump.ts';

/** One HTTP/2 stream of a client. */
export class H2Exchange implements Exchange {
  readonly head: RequestHead;
  readonly connection: Connection;
  readonly body: Body | undefined;
  /** Extended CONNECT (RFC 8441) is not offered, so nobody can ask. */
  readonly upgrade = false;
  readonly gone: AbortSignal;
  readonly #stream: ServerHttp2Stream;
  #received = 0;
  #trailers: Fields = [];

  constructor(stream: ServerHttp2Stream, raw: readonly string[], ended: boolean, connection: Connection) {
    const leave = new AbortController();
    const { pseudo, fields } = fromH2(raw);
    this.#stream = stream;
    this.connection = connection;
    this.gone = leave.signal;
    this.head = { method: pseudo.get(':method') ?? '', target: pseudo.get(':path') ?? '', version: '2', fields };
    this.body = ended
      ? undefined
      : { stream, trailers: () => this.#trailers, onBytes: (count) => (this.#received += count) };
    stream.on('error', () => undefined);
    stream.on('trailers', (_headers, _flags, raw?: string[]) => (this.#trailers = raw ?? []));
    stream.on('close', () => {
      if (!stream.writableFinished) leave.abort();
    });
  }

  received(): number {
    return this.#received;
  }

  inform(head: ResponseHead): void {
    if (this.#stream.headersSent || this.#stream.destroyed || head.status === 101) return;
    this.#stream.additionalHeaders(toH2({ ':status': head.status }, head.fields));
  }

  async answer(head: ResponseHead, body: Body | string | undefined): Promise<Transfer> {
    const stream = this.#stream;
    if (stream.destroyed || stream.headersSent) {
      if (typeof body === 'object') body.stream.destroy();
      return { sent: 0, complete: false };
    }
    const headers = toH2({ ':status': head.status }, head.fields);
    if (body === undefined || body === '' || isBodyless(this.head.method, head.status)) {
      if (typeof body === 'object') body.stream.resume();
      stream.respond(headers, { endStream: true });
      return { sent: 0, complete: await this.#over() };
    }
    if (typeof body === 'string') {
      stream.respond(headers);
      stream.end(body);
      return { sent: Buffer.byteLength(body), complete: await this.#over() };
    }
    stream.respond(headers, { waitForTrailers: true });
    stream.on('wantTrailers', () => stream.sendTrailers(toH2({}, body.trailers())));
    let sent = 0;
    try {
      await pump(body.stream, stream, (count) => (sent += count));
    } catch {
      body.stream.destroy();
      stream.close(constants.NGHTTP2_INTERNAL_ERROR);
      return { sent, complete: false };
    }
    stream.end();
    return { sent, complete: await this.#over() };
  }

  switchProtocols(_head: ResponseHead, other: Duplex): Promise<Transfer> {
    other.destroy();
    return Promise.resolve({ sent: 0, complete: false });
  }

  /** Our side is done. What the client still sends is of no use to anybody (RFC 9113 §8.1). */
  async #over(): Promise<boolean> {
    const stream = this.#stream;
    if (!stream.writableFinished && !stream.destroyed) {
      await new Promise<void>((resolve) => stream.once('finish', resolve).once('close', resolve));
    }
    const complete = stream.writableFinished;
    if (complete && !stream.destroyed && !stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    return complete;
  }
}
