import { GarrisonError } from '#proto/errors/index.ts';
import { type IncomingHttpHeaders, type ServerHttp2Stream, constants } from 'node:http2';
import type { Logger } from '../logger.ts';
import type { Peer } from '../peer.ts';
import type { CallContext } from './method.ts';
import { type CallStatus, encodeMessage, isFault, okStatus, toCallStatus } from './status.ts';
import { parseTimeout } from './timeout.ts';

export interface CallSetting {
  readonly logger: Logger;
  readonly maxMessageBytes: number;
  readonly finished: (path: string, code: number) => void;
}

const headersOut = { ':status': 200, 'content-type': 'application/grpc' };
const refusalHeaders = { ...headersOut, 'grpc-accept-encoding': 'identity' };
const okTrailers = { 'grpc-status': '0' };
const withTrailers = { waitForTrailers: true, sendDate: false };

/**
 * One call from its headers to its status, whatever its kind. It ends exactly once: by a status, or by the caller's reset.
 * Signal, metadata and timer are made only for those who ask: the hot unary path has none of them.
 */
export class Call implements CallContext {
  readonly peer: Peer;
  readonly path: string;
  readonly stream: ServerHttp2Stream;
  readonly #headers: IncomingHttpHeaders;
  readonly #setting: CallSetting;
  #status: CallStatus | undefined;
  #reason: GarrisonError | undefined;
  #abort: AbortController | undefined;
  #metadata: Map<string, string> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #noticing = false;

  constructor(path: string, stream: ServerHttp2Stream, headers: IncomingHttpHeaders, peer: Peer, setting: CallSetting) {
    this.path = path;
    this.stream = stream;
    this.#headers = headers;
    this.peer = peer;
    this.#setting = setting;
    stream.on('error', ignore); // a reset shows as `close`, which is where it is handled
  }

  /** From here on somebody is at work for the caller and must hear when it leaves. Not before: a call answered at once has no use for it. */
  noticeEnd(): void {
    if (this.#noticing) return;
    this.#noticing = true;
    this.stream.on('close', () => {
      clearTimeout(this.#timer);
      if (this.#status === undefined) this.#gone();
    });
  }

  get maxMessageBytes(): number {
    return this.#setting.maxMessageBytes;
  }

  /** True once a status is decided or the caller is gone: nothing more may be written. */
  get ended(): boolean {
    return this.#status !== undefined;
  }

  /** Whether the caller has taken the call back. Node ends the readable side then as if the request were complete. */
  get reset(): boolean {
    return this.stream.aborted || this.stream.rstCode !== constants.NGHTTP2_NO_ERROR;
  }

  get metadata(): ReadonlyMap<string, string> {
    if (this.#metadata === undefined) {
      this.#metadata = new Map();
      for (const [name, value] of Object.entries(this.#headers)) {
        if (name.startsWith(':') || value === undefined) continue;
        this.#metadata.set(name, typeof value === 'string' ? value : value.join(', '));
      }
    }
    return this.#metadata;
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#reason !== undefined && !this.#abort.signal.aborted) this.#abort.abort(this.#reason);
    return this.#abort.signal;
  }

  /** Starts the caller's deadline, if it set one. Throws on a header that cannot be read. */
  startDeadline(): void {
    const timeout = this.#headers['grpc-timeout'];
    if (timeout === undefined) return;
    const ms = parseTimeout(String(timeout));
    if (ms === undefined) return;
    this.noticeEnd();
    this.#timer = setTimeout(() => {
      this.stop(new GarrisonError('DEADLINE_EXCEEDED', 'the deadline of the call has passed'));
    }, ms);
  }

  /** Ends the call from the server's side and tells the handler through its signal. */
  stop(reason: GarrisonError): void {
    this.fail(reason);
    this.#cancel(reason);
  }

  /** The whole answer of a unary call: headers, one framed message, OK. */
  answer(framed: Buffer): void {
    if (this.ended) return;
    this.#finish(okStatus);
    const { stream } = this;
    if (stream.destroyed || stream.closed) return;
    stream.respond(headersOut, withTrailers);
    stream.on('wantTrailers', sendOk);
    stream.end(framed);
  }

  /** Sends the headers of a streamed answer, once. */
  open(): void {
    if (this.stream.headersSent || this.stream.destroyed || this.stream.closed) return;
    this.stream.respond(headersOut, withTrailers);
    this.stream.on('wantTrailers', () => {
      this.stream.sendTrailers(statusHeaders(this.#status ?? okStatus));
      if (!this.stream.readableEnded) setImmediate(() => this.#refuseRest());
    });
  }

  fail(error: unknown): void {
    if (this.ended) return;
    if (isFault(error)) this.#setting.logger.error('call failed', { method: this.path, error });
    this.end(toCallStatus(error));
  }

  /** Status in trailers after a streamed answer, or alone ("Trailers-Only") where nothing was sent. */
  end(status: CallStatus): void {
    if (this.ended) return;
    this.#finish(status);
    const { stream } = this;
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) {
      stream.end();
      return;
    }
    stream.respond({ ...refusalHeaders, ...statusHeaders(status) }, { endStream: true });
    if (!stream.readableEnded) this.#refuseRest();
  }

  /** RFC 9113 §8.1: the answer is complete and the rest of the request is of no use to anybody. */
  #refuseRest(): void {
    this.stream.resume();
    this.stream.close(constants.NGHTTP2_NO_ERROR);
  }

  #finish(status: CallStatus): void {
    this.#status = status;
    clearTimeout(this.#timer);
    this.#setting.finished(this.path, status.code);
  }

  #gone(): void {
    const reason = new GarrisonError('CANCELLED', 'the caller is gone');
    this.#finish(toCallStatus(reason));
    this.#cancel(reason);
  }

  #cancel(reason: GarrisonError): void {
    this.#reason ??= reason;
    this.#abort?.abort(this.#reason);
  }
}

function sendOk(this: ServerHttp2Stream): void {
  this.sendTrailers(okTrailers);
}

function statusHeaders({ code, message, trailers }: CallStatus): Record<string, string> {
  const status = { ...trailers, 'grpc-status': String(code) };
  return message === '' ? status : { ...status, 'grpc-message': encodeMessage(message) };
}

const ignore = (): void => undefined;
