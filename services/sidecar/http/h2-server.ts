import { type Http2Server, type ServerHttp2Session, type ServerHttp2Stream, createServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Connection } from '../connection.ts';
import type { Limits } from '../limits.ts';
import { H2Exchange } from './h2-exchange.ts';
import type { Handle, HttpServerPort } from './port.ts';

export interface H2ServerOptions {
  readonly limits: Limits;
  readonly handle: Handle;
  readonly onBroken: (connection: Connection, reason: string) => void;
  readonly onFault: (error: unknown) => void;
}

/** HTTP/2 with prior knowledge, which is what gRPC speaks. */
export class H2Server implements HttpServerPort {
  readonly #server: Http2Server;
  readonly #options: H2ServerOptions;
  readonly #sessions = new Set<ServerHttp2Session>();
  #arriving: Connection | undefined;

  constructor(options: H2ServerOptions) {
    this.#options = options;
    this.#server = createServer({
      maxHeaderListPairs: options.limits.headerLines + 8,
      maxSessionMemory: 16,
      // A client whose calls all run out at once resets as many streams as it may have; who resets on and on is cut off.
      streamResetBurst: 512,
      streamResetRate: 33,
      settings: {
        maxConcurrentStreams: 256,
        maxHeaderListSize: options.limits.headerBytes,
        initialWindowSize: 262_144,
        enablePush: false,
      },
    });
    this.#server.on('session', (session) => this.#adopt(session));
    this.#server.on('sessionError', () => undefined);
  }

  accept(socket: Socket, connection: Connection): void {
    // The session is made, and `session` emitted, within this very call.
    this.#arriving = connection;
    this.#server.emit('connection', socket);
    this.#arriving = undefined;
  }

  async drain(deadline: AbortSignal): Promise<void> {
    const closed = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once('close', resolve);
          session.close();
        }),
    );
    const force = (): void => {
      for (const session of this.#sessions) session.destroy();
    };
    if (deadline.aborted) force();
    deadline.addEventListener('abort', force, { once: true });
    await Promise.all(closed);
  }

  #adopt(session: ServerHttp2Session): void {
    const connection = this.#arriving;
    if (connection === undefined) {
      session.destroy();
      return;
    }
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    session.on('error', (error: Error) => this.#options.onBroken(connection, `HTTP/2: ${error.message}`));
    session.setTimeout(this.#options.limits.idleMs, () => session.close());
    session.on('stream', (stream: ServerHttp2Stream, _headers, flags: number, raw: string[]) => {
      stream.setTimeout(this.#options.limits.idleMs, () => stream.close());
      void this.#serve(new H2Exchange(stream, raw, (flags & endStream) !== 0, connection), stream);
    });
  }

  async #serve(exchange: H2Exchange, stream: Duplex): Promise<void> {
    try {
      await this.#options.handle(exchange);
    } catch (error) {
      this.#options.onFault(error);
      stream.destroy();
    }
  }
}

/** RFC 9113 §6.2: END_STREAM. */
const endStream = 0x1;
