import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { STATUS_CODES } from '#runtime/http.ts';
import type { Connection } from '../connection.ts';
import { type Fields, type RequestHead, type ResponseHead, isBodyless } from './message.ts';
import type { Body, Exchange, Transfer } from './port.ts';
import { pump } from './pump.ts';
import { relay } from './relay.ts';

/** After an answer that came before the end of its request: how much of the rest is read so that the client sees the answer. */
const leftoverBytes = 1 << 20;
const leftoverMs = 1_000;

/** A request to leave HTTP that goes on to the service. `h2c` is none: behind it requests would come that nobody checked. */
export function isPassedOn(request: IncomingMessage): boolean {
  const { upgrade } = request.headers;
  return request.method === 'GET' && upgrade?.toLowerCase() === 'websocket' && !announcesBody(request);
}

function announcesBody(request: IncomingMessage): boolean {
  const length = request.headers['content-length'];
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && Number(length) !== 0);
}

export class NodeExchange implements Exchange {
  readonly head: RequestHead;
  readonly connection: Connection;
  readonly body: Body | undefined;
  readonly upgrade: boolean;
  readonly gone: AbortSignal;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #leave = new AbortController();
  #received = 0;
  #switched = false;

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    connection: Connection,
    options: { upgrade: boolean; expectsContinue: boolean },
  ) {
    this.#request = request;
    this.#response = response;
    this.connection = connection;
    this.upgrade = options.upgrade;
    this.gone = this.#leave.signal;
    this.head = {
      method: request.method ?? '',
      target: request.url ?? '',
      version: request.httpVersion,
      fields: request.rawHeaders,
    };
    this.body = announcesBody(request)
      ? {
          stream: request,
          trailers: () => request.rawTrailers,
          onBytes: (count) => (this.#received += count),
        }
      : undefined;
    request.on('error', () => undefined);
    response.on('error', () => undefined);
    response.on('close', () => {
      if (!response.writableFinished && !this.#switched) this.#leave.abort();
    });
    if (request.socket.destroyed) this.#leave.abort();
  }

  received(): number {
    return this.#received;
  }

  inform(head: ResponseHead): void {
    const response = this.#response;
    // HTTP/1.0 has no interim answers (RFC 9110 §15.2). Without a socket an earlier answer is still under way.
    if (response.headersSent || response.socket === null || this.head.version !== '1.1') return;
    response.socket.write(headText(head), 'latin1');
  }

  async answer(head: ResponseHead, body: Body | string | undefined): Promise<Transfer> {
    const response = this.#response;
    const nothing = { sent: 0, complete: false };
    if (this.gone.aborted || response.headersSent) {
      if (typeof body === 'object') body.stream.destroy();
      return nothing;
    }
    response.writeHead(head.status, reasonOf(head), [...head.fields]);
    if (body === undefined || isBodyless(this.head.method, head.status)) {
      if (typeof body === 'object') body.stream.resume();
      response.end();
      return { sent: 0, complete: await finished(response) };
    }
    if (typeof body === 'string') {
      response.end(body);
      return { sent: Buffer.byteLength(body), complete: await finished(response) };
    }
    return this.#stream(body);
  }

  async switchProtocols(head: ResponseHead, other: Duplex): Promise<Transfer> {
    const { socket } = this.#request;
    if (this.gone.aborted || !this.upgrade) {
      other.destroy();
      return { sent: 0, complete: false };
    }
    this.#switched = true;
    this.#response.detachSocket(socket);
    socket.setTimeout(0);
    socket.write(headText(head), 'latin1');
    const { forth, back } = await relay(socket, other);
    this.#received += forth;
    return { sent: back, complete: true };
  }

  /** Leaves the connection so that its next request, if there may be one, is read from the right place. */
  async settle(): Promise<void> {
    const { socket } = this.#request;
    if (this.#switched || socket.destroyed) return;
    if (!this.#response.writableFinished) {
      socket.destroy();
      return;
    }
    if (this.body === undefined || this.#request.readableEnded || this.#request.complete) return;
    if (!(await this.#readLeftover())) socket.destroy();
  }

  async #stream(body: Body): Promise<Transfer> {
    let sent = 0;
    try {
      // Cut off before the first byte is known, an answer with nothing in it yet must still start.
      if (body.stream.readableLength === 0) this.#response.flushHeaders();
      await pump(body.stream, this.#response, (count) => (sent += count));
    } catch {
      // The client must see that its answer is not whole: the connection ends without the end of the message.
      body.stream.destroy();
      this.#response.destroy();
      return { sent, complete: false };
    }
    const trailers = body.trailers();
    if (trailers.length > 0) this.#response.addTrailers(pairs(trailers));
    this.#response.end();
    return { sent, complete: await finished(this.#response) };
  }

  /** True when the request was read to its end. */
  #readLeftover(): Promise<boolean> {
    const request = this.#request;
    let left = leftoverBytes;
    return new Promise((resolve) => {
      const timer = setTimeout(() => done(), leftoverMs);
      const done = (): void => {
        clearTimeout(timer);
        resolve(request.readableEnded);
      };
      request.on('data', (chunk: Buffer) => {
        left -= chunk.length;
        if (left < 0) done();
      });
      request.once('end', done).once('close', done);
      request.resume();
    });
  }
}

function reasonOf({ status, reason }: ResponseHead): string {
  return reason === '' ? (STATUS_CODES[status] ?? '') : reason;
}

function headText(head: ResponseHead): string {
  let text = `HTTP/1.1 ${head.status} ${reasonOf(head)}\r\n`;
  for (let i = 0; i + 1 < head.fields.length; i += 2)
    text += `${head.fields[i] ?? ''}: ${head.fields[i + 1] ?? ''}\r\n`;
  return `${text}\r\n`;
}

export function pairs(fields: Fields): [string, string][] {
  const list: [string, string][] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) list.push([fields[i] ?? '', fields[i + 1] ?? '']);
  return list;
}

function finished(response: ServerResponse): Promise<boolean> {
  if (response.writableFinished) return Promise.resolve(true);
  if (response.destroyed) return Promise.resolve(false);
  return new Promise((resolve) => {
    response.once('finish', () => resolve(true));
    response.once('close', () => resolve(response.writableFinished));
  });
}
