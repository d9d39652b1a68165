import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { ServerResponse as NodeResponse, createServer } from '#runtime/http.ts';
import type { Connection } from '../connection.ts';
import type { Limits } from '../limits.ts';
import { NodeExchange, isPassedOn } from './node-exchange.ts';
import type { Handle, HttpServerPort } from './port.ts';

export interface NodeServerOptions {
  readonly limits: Limits;
  readonly handle: Handle;
  /** What arrived was no HTTP that can be read; the connection is over. */
  readonly onBroken: (connection: Connection, reason: string) => void;
  /** A fault of ours: the request it befell has no answer. */
  readonly onFault: (error: unknown) => void;
  /** A client that asks for a tunnel (RFC 9110 §9.3.6); refused where absent. */
  readonly onConnect?: (request: IncomingMessage, socket: Duplex, connection: Connection) => void;
}

/** The requests of one connection, answered one after the other: a pipelined one never overtakes what it may depend on. */
interface Line {
  readonly connection: Connection;
  /** Ends the connection once what was written has left. */
  readonly close: () => void;
  waiting: number;
  /** The answer that is being worked on. */
  current: ServerResponse | undefined;
  last: Promise<void>;
}

/** HTTP/1.1 by node:http at its strictest: the reference that a framing reader of our own will be compared with. */
export class NodeHttpServer implements HttpServerPort {
  readonly #server: Server;
  readonly #options: NodeServerOptions;
  readonly #lines = new Map<Duplex, Line>();
  #draining = false;

  constructor(options: NodeServerOptions) {
    this.#options = options;
    const { limits } = options;
    this.#server = createServer({
      insecureHTTPParser: false,
      joinDuplicateHeaders: false,
      requireHostHeader: true,
      rejectNonStandardBodyWrites: true,
      maxHeaderSize: limits.headerBytes,
      headersTimeout: limits.headersMs,
      requestTimeout: limits.requestMs,
      keepAliveTimeout: limits.keepAliveMs,
      connectionsCheckingInterval: Math.min(limits.headersMs, 5_000),
      noDelay: true,
      shouldUpgradeCallback: isPassedOn,
    });
    // Lines beyond a count would be dropped without a word; ours are counted and refused by refuseRequest.
    this.#server.maxHeadersCount = 0;
    this.#server.timeout = limits.idleMs;
    this.#server.on('request', (request, response) => this.#take(request, response, false));
    this.#server.on('checkContinue', (request, response) => this.#take(request, response, true));
    this.#server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#upgrade(request, socket, head),
    );
    this.#server.on('connect', (request: IncomingMessage, socket: Duplex, head: Buffer) =>
      this.#connect(request, socket, head),
    );
    this.#server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => this.#broken(error, socket));
    // node:http starts to watch over head and request times when its server listens, which this one never does by itself.
    this.#server.emit('listening');
  }

  accept(socket: Socket, connection: Connection): void {
    this.#lines.set(socket, {
      connection,
      close: () => socket.destroySoon(),
      waiting: 0,
      current: undefined,
      last: Promise.resolve(),
    });
    socket.on('close', () => this.#lines.delete(socket));
    this.#server.emit('connection', socket);
  }

  async drain(deadline: AbortSignal): Promise<void> {
    this.#draining = true;
    for (const line of this.#lines.values()) if (line.waiting === 0) line.close();
    const busy = [...this.#lines.keys()].map(
      (socket) => new Promise<void>((resolve) => (socket.destroyed ? resolve() : socket.once('close', resolve))),
    );
    const force = (): void => {
      for (const socket of this.#lines.keys()) socket.destroy();
    };
    if (deadline.aborted) force();
    deadline.addEventListener('abort', force, { once: true });
    await Promise.all(busy);
    this.#server.close();
  }

  #take(request: IncomingMessage, response: ServerResponse, expectsContinue: boolean): void {
    const line = this.#lines.get(request.socket);
    if (line === undefined || line.waiting > this.#options.limits.pipelined) {
      request.socket.destroy();
      return;
    }
    const serve = async (): Promise<void> => {
      if (this.#draining) response.shouldKeepAlive = false;
      line.current = response;
      const exchange = new NodeExchange(request, response, line.connection, { upgrade: false, expectsContinue });
      await this.#serve(exchange, request.socket);
      line.waiting -= 1;
      line.current = undefined;
      if (this.#draining && line.waiting === 0) line.close();
    };
    line.waiting += 1;
    line.last = line.waiting === 1 ? serve() : line.last.then(serve);
  }

  async #serve(exchange: NodeExchange, socket: Duplex): Promise<void> {
    try {
      await this.#options.handle(exchange);
    } catch (error) {
      this.#options.onFault(error);
      // The handler answers every failure it knows; for what is left nobody can say what the client has been told.
      socket.destroy();
    }
    await exchange.settle();
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const line = this.#lines.get(socket);
    if (line === undefined || line.waiting > 0) {
      socket.destroy();
      return;
    }
    if (head.length > 0) socket.unshift(head);
    const response = new NodeResponse(request);
    response.shouldKeepAlive = false;
    response.assignSocket(request.socket);
    response.on('finish', () => {
      response.detachSocket(request.socket);
      socket.end();
    });
    line.waiting += 1;
    const options = { upgrade: true, expectsContinue: false };
    void this.#serve(new NodeExchange(request, response, line.connection, options), socket);
  }

  #connect(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const line = this.#lines.get(socket);
    if (line === undefined || line.waiting > 0 || this.#options.onConnect === undefined) {
      socket.end('HTTP/1.1 405 Method Not Allowed\r\nconnection: close\r\ncontent-length: 0\r\n\r\n', () =>
        socket.destroy(),
      );
      return;
    }
    if (head.length > 0) socket.unshift(head);
    line.waiting += 1;
    this.#options.onConnect(request, socket, line.connection);
  }

  #broken(error: NodeJS.ErrnoException, socket: Duplex): void {
    const line = this.#lines.get(socket);
    const code = error.code ?? '';
    if (line !== undefined && code !== 'ECONNRESET' && code !== 'EPIPE') {
      const detail = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message;
      this.#options.onBroken(line.connection, `${code === '' ? 'error' : code}: ${detail}`);
    }
    if (!socket.writable || line === undefined || !mayAnswer(line)) socket.destroy();
    else
      socket.end(`HTTP/1.1 ${statusOf(code)}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`, () =>
        socket.destroy(),
      );
  }
}

/** In the midst of an answer another one would be taken for its body, and before an earlier one for that. */
function mayAnswer({ waiting, current }: Line): boolean {
  return waiting === 0 || (waiting === 1 && current !== undefined && !current.headersSent && !current.req.complete);
}

function statusOf(code: string): string {
  if (code === 'HPE_HEADER_OVERFLOW') return '431 Request Header Fields Too Large';
  return code === 'ERR_HTTP_REQUEST_TIMEOUT' ? '408 Request Timeout' : '400 Bad Request';
}
