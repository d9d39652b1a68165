import type { ClientRequest, ClientRequestArgs, IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import { Agent, request as httpRequest } from '#runtime/http.ts';
import { UpstreamFailure } from '../upstream-failure.ts';
import { type Fields, valuesOf } from './message.ts';
import { pairs } from './node-exchange.ts';
import type { Body, HttpClientPort, Reply, UpstreamRequest } from './port.ts';
import { pump } from './pump.ts';

/** Opens a connection that is ready to be written to: connected, and the other end known to be who it must be. */
export type Open = () => Promise<Duplex>;

export interface NodeClientOptions {
  readonly open: Open;
  readonly keepAliveMs: number;
  readonly idleMs: number;
  readonly maxHeaderBytes: number;
}

/** HTTP/1.1 to one place by node:http and its agent. */
export class NodeHttpClient implements HttpClientPort {
  readonly #agent: PlaceAgent;
  readonly #options: NodeClientOptions;

  constructor(options: NodeClientOptions) {
    this.#options = options;
    this.#agent = new PlaceAgent(options);
  }

  send(request: UpstreamRequest): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const { head, body, upgrade, signal } = request;
      let answered = false;
      let before = 0;
      const outgoing = httpRequest({
        agent: this.#agent,
        method: head.method,
        path: head.target,
        headers: outgoingFields(request) as string[],
        setHost: false,
        insecureHTTPParser: false,
        maxHeaderSize: this.#options.maxHeaderBytes,
        signal,
      });
      outgoing.on('socket', (socket) => (before = socket.bytesRead));
      outgoing.on('information', ({ statusCode, statusMessage, rawHeaders }) => {
        request.onInform({ status: statusCode, reason: statusMessage, fields: rawHeaders });
      });
      outgoing.on('response', (response) => {
        answered = true;
        const fault = framingFault(response.rawHeaders);
        if (fault === undefined) resolve(answerOf(response));
        else {
          response.destroy();
          reject(new UpstreamFailure('UPE', fault));
        }
      });
      if (upgrade) {
        outgoing.on('upgrade', (response, stream, rest) => {
          answered = true;
          if (rest.length > 0) stream.unshift(rest);
          resolve({ kind: 'switched', head: headOf(response), stream });
        });
      }
      outgoing.on('error', (error) => {
        // After an answer has begun its own stream tells how it went.
        if (answered) return;
        const silent = (outgoing.socket?.bytesRead ?? 0) === before;
        reject(failureOf(error, outgoing.reusedSocket && silent));
      });
      if (body === undefined) outgoing.end();
      // Not before there is a connection: without one the request may go elsewhere, and then with its whole body.
      else outgoing.once('socket', () => void sendBody(body, outgoing));
    });
  }

  dropIdle(): void {
    this.#agent.dropIdle();
  }

  retire(): void {
    this.#agent.retire();
  }
}

class PlaceAgent extends Agent {
  readonly #open: Open;
  #retired = false;

  constructor(options: NodeClientOptions) {
    super({ keepAlive: true, maxFreeSockets: 256, timeout: options.keepAliveMs, scheduling: 'lifo' });
    this.#open = options.open;
  }

  override getName(): string {
    return 'place';
  }

  override createConnection(
    _options: ClientRequestArgs,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): undefined {
    this.#open().then(
      (socket) => callback?.(null, socket),
      (error: unknown) => {
        // The declared type wants a stream beside the error; there is none.
        (callback as ((error: unknown) => void) | undefined)?.(error);
      },
    );
    return undefined;
  }

  override keepSocketAlive(socket: Duplex): boolean {
    // `super` answers false for a server that says it keeps nothing; its declared type says void.
    const keep: (idle: Duplex) => unknown = super.keepSocketAlive.bind(this);
    return !this.#retired && keep(socket) !== false;
  }

  retire(): void {
    this.#retired = true;
    this.dropIdle();
  }

  dropIdle(): void {
    for (const socket of Object.values(this.freeSockets).flatMap((list) => list ?? [])) socket.destroy();
  }
}

function outgoingFields({ head, body, upgrade }: UpstreamRequest): Fields {
  if (upgrade) return [...head.fields, 'connection', 'upgrade', 'upgrade', 'websocket'];
  const length = valuesOf(head.fields, 'content-length').length > 0;
  if (body !== undefined) return length ? head.fields : [...head.fields, 'transfer-encoding', 'chunked'];
  // Without it a POST would be announced as chunked.
  const silent = head.method === 'GET' || head.method === 'HEAD';
  return length || silent ? head.fields : [...head.fields, 'content-length', '0'];
}

async function sendBody(body: Body, outgoing: ClientRequest): Promise<void> {
  try {
    outgoing.flushHeaders();
    await pump(body.stream, outgoing, (count) => body.onBytes?.(count));
    const trailers = body.trailers();
    if (trailers.length > 0) outgoing.addTrailers(pairs(trailers));
    outgoing.end();
  } catch {
    // Either the client broke off, then the request must not look finished; or the upstream did, and says so itself.
    outgoing.destroy();
  }
}

/** One length, and no coding that would be lost on the way (RFC 9112 §6.3). */
function framingFault(fields: Fields): string | undefined {
  const codings = valuesOf(fields, 'transfer-encoding');
  if (codings.length === 0) return undefined;
  if (codings.length > 1 || codings[0]?.toLowerCase() !== 'chunked')
    return 'the answer has a transfer coding besides `chunked`';
  return valuesOf(fields, 'content-length').length > 0
    ? 'the answer has both a length and a transfer coding'
    : undefined;
}

function headOf(response: IncomingMessage): { status: number; reason: string; fields: Fields } {
  return { status: response.statusCode ?? 502, reason: response.statusMessage ?? '', fields: response.rawHeaders };
}

function answerOf(response: IncomingMessage): Reply {
  return {
    kind: 'answer',
    head: headOf(response),
    body: { stream: response, trailers: () => response.rawTrailers },
  };
}

function failureOf(error: NodeJS.ErrnoException, stale: boolean): UpstreamFailure {
  if (error instanceof UpstreamFailure) return error;
  if (error.name === 'AbortError') return new UpstreamFailure('DC', 'the client went away', { cause: error });
  if (error.code?.startsWith('HPE_') === true) {
    return new UpstreamFailure('UPE', `the answer is no HTTP that can be read: ${error.message}`, { cause: error });
  }
  return new UpstreamFailure('UC', `the connection broke before an answer: ${error.message}`, { stale, cause: error });
}
