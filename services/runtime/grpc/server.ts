import { GarrisonError } from '#proto/errors/index.ts';
import { type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream, createServer } from 'node:http2';
import type { Socket } from 'node:net';
import type { Address } from '../address.ts';
import type { ListenPlace } from '../listen.ts';
import type { Logger } from '../logger.ts';
import type { Metrics } from '../metrics.ts';
import type { Peer } from '../peer.ts';
import { type Acceptor, type Security, openAcceptor } from './acceptor.ts';
import { usualMostOpen } from '../arrivals.ts';
import { CallCounts } from './call-counts.ts';
import { Call, type CallSetting } from './call.ts';
import type { BidiHandler, MethodDefinition, ServerStreamHandler, UnaryHandler } from './method.ts';
import { superviseSession } from './session.ts';
import { serveBidi, serveServerStream } from './streaming.ts';
import { serveUnary } from './unary.ts';

export interface GrpcServerOptions {
  readonly logger: Logger;
  readonly metrics?: Metrics;
  readonly maxMessageBytes?: number;
  readonly maxConcurrentStreams?: number;
  readonly maxConnections?: number;
  readonly handshakeTimeoutMs?: number;
  /** How long calls under way may take when the server ends. */
  readonly drainMs?: number;
}

/** Starts a call; what it returns asks a long one to come to its end. */
type Serve = (call: Call) => (() => void) | undefined;

/**
 * gRPC over node:http2 (decision 24): unary, server stream, bidirectional. Methods first, then `listen`, as often as there
 * are addresses; disposing drains.
 */
export class GrpcServer implements AsyncDisposable {
  readonly #logger: Logger;
  readonly #options: Required<Omit<GrpcServerOptions, 'logger' | 'metrics'>>;
  readonly #setting: CallSetting;
  readonly #methods = new Map<string, Serve>();
  readonly #acceptors: Acceptor[] = [];
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #enders = new Set<() => void>();
  readonly #http2;
  #arriving: { readonly peer: Peer; readonly spoke: () => void } | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: GrpcServerOptions) {
    const { logger, metrics, maxMessageBytes = 1_048_576, maxConcurrentStreams = 1000 } = options;
    const { maxConnections = usualMostOpen(), handshakeTimeoutMs = 10_000, drainMs = 5000 } = options;
    this.#logger = logger;
    this.#options = { maxMessageBytes, maxConcurrentStreams, maxConnections, handshakeTimeoutMs, drainMs };
    const counts = new CallCounts();
    if (metrics !== undefined) counts.exposeOn(metrics);
    this.#setting = { logger, maxMessageBytes, finished: counts.finished };
    this.#http2 = createServer({
      maxSessionMemory: 16,
      maxHeaderListPairs: 128,
      settings: { maxConcurrentStreams, maxHeaderListSize: 16_384, initialWindowSize: 262_144, enablePush: false },
    });
    this.#http2.on('session', (session) => this.#adopt(session));
    this.#http2.on('sessionError', (error: Error) => logger.debug('session failed', { reason: error.message }));
  }

  unary<Req, Res>(method: MethodDefinition<Req, Res>, handler: UnaryHandler<Req, Res>): this {
    return this.#add(method, false, false, (call) => {
      serveUnary(method, handler, call);
      return undefined;
    });
  }

  serverStream<Req, Res>(method: MethodDefinition<Req, Res>, handler: ServerStreamHandler<Req, Res>): this {
    return this.#add(method, false, true, (call) => {
      serveServerStream(method, handler, call);
      return () => call.stop(new GarrisonError('UNAVAILABLE', 'the server is ending', { remedy: 'connect again' }));
    });
  }

  /** Also serves methods with a request stream and one answer: the handler then yields once. */
  bidi<Req, Res>(method: MethodDefinition<Req, Res>, handler: BidiHandler<Req, Res>): this {
    return this.#add(method, true, undefined, (call) => serveBidi(method, handler, call));
  }

  /** Several addresses may be served by one server. The address that comes back has the real port. */
  async listen(address: Address, security: Security, place: ListenPlace = {}): Promise<Address> {
    if (this.#ending !== undefined) throw new GarrisonError('FAILED_PRECONDITION', 'the server is ending');
    const { handshakeTimeoutMs, maxConnections } = this.#options;
    const onConnection = (socket: Socket, peer: Peer, spoke: () => void): void => {
      // The session is made, and `session` emitted, within this very call.
      this.#arriving = { peer, spoke };
      this.#http2.emit('connection', socket);
      this.#arriving = undefined;
    };
    const options = { logger: this.#logger, handshakeTimeoutMs, maxConnections, onConnection };
    const acceptor = await openAcceptor(address, security, place, options);
    this.#acceptors.push(acceptor);
    return acceptor.address;
  }

  /** Takes nothing new, asks long calls to end, waits for the others, then closes what is left. */
  [Symbol.asyncDispose](): Promise<void> {
    this.#ending ??= this.#drain();
    return this.#ending;
  }

  #add<Req, Res>(
    method: MethodDefinition<Req, Res>,
    requestStream: boolean,
    responseStream: boolean | undefined,
    serve: Serve,
  ): this {
    const fits =
      method.requestStream === requestStream &&
      (responseStream === undefined || method.responseStream === responseStream);
    if (!fits || this.#methods.has(method.path)) {
      throw new GarrisonError('INTERNAL', `the method \`${method.path}\` is registered twice or as what it is not`);
    }
    this.#methods.set(method.path, serve);
    return this;
  }

  #adopt(session: ServerHttp2Session): void {
    if (this.#arriving === undefined || this.#ending !== undefined) {
      session.destroy();
      return;
    }
    const { peer, spoke } = this.#arriving;
    session.once('remoteSettings', spoke);
    this.#sessions.add(session);
    session.on('close', () => this.#sessions.delete(session));
    session.on('stream', (stream, headers) => this.#dispatch(stream, headers, peer));
    superviseSession(session, peer, { handshakeTimeoutMs: this.#options.handshakeTimeoutMs, logger: this.#logger });
  }

  #dispatch(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer): void {
    const path = String(headers[':path']);
    const contentType = headers['content-type'];
    if (contentType === undefined || !/^application\/grpc(?:\+proto)?(?:;|$)/.test(contentType)) {
      // gRPC over HTTP/2: what is no gRPC gets 415, so that it cannot be mistaken for an answer.
      refuse(stream, 415);
      return;
    }
    if (headers[':method'] !== 'POST') {
      refuse(stream, 405);
      return;
    }
    const serve = this.#methods.get(path);
    // An unknown path is the caller's choice of text: it is counted under one name.
    const call = new Call(serve === undefined ? 'unknown' : path, stream, headers, peer, this.#setting);
    try {
      if (serve === undefined)
        throw new GarrisonError('UNIMPLEMENTED', `there is no method \`${path.slice(0, 200)}\` here`);
      const encoding = headers['grpc-encoding'] ?? 'identity';
      if (encoding !== 'identity') {
        throw new GarrisonError('UNIMPLEMENTED', 'compressed messages are not read', {
          remedy: 'send `grpc-encoding: identity`',
        });
      }
      call.startDeadline();
      const ender = serve(call);
      if (ender !== undefined) {
        this.#enders.add(ender);
        stream.on('close', () => this.#enders.delete(ender));
      }
    } catch (error) {
      call.fail(error);
    }
  }

  async #drain(): Promise<void> {
    for (const acceptor of this.#acceptors) acceptor.close();
    for (const end of this.#enders) end();
    const closed = [...this.#sessions].map(
      (session) =>
        new Promise<void>((resolve) => {
          session.once('close', resolve);
          session.close();
        }),
    );
    const force = setTimeout(() => {
      for (const session of this.#sessions) session.destroy();
    }, this.#options.drainMs);
    await Promise.all(closed);
    clearTimeout(force);
  }
}

function refuse(stream: ServerHttp2Stream, status: number): void {
  stream.on('error', () => undefined);
  stream.respond({ ':status': status }, { endStream: true });
  stream.resume();
}
