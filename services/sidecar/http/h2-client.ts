import { type ClientHttp2Session, type ClientHttp2Stream, connect } from 'node:http2';
import type { Duplex } from 'node:stream';
import { UpstreamFailure } from '../upstream-failure.ts';
import { fromH2, toH2 } from './h2-fields.ts';
import type { Fields } from './message.ts';
import type { Open } from './node-client.ts';
import type { HttpClientPort, Reply, UpstreamRequest } from './port.ts';
import { pump } from './pump.ts';

export interface H2ClientOptions {
  readonly open: Open;
  readonly idleMs: number;
  /** Longest wait for the other end's SETTINGS before the first request is sent all the same; absent: none is waited for. */
  readonly greetingMs?: number;
}

/** A connection came up, and whoever is there did not answer in HTTP/2. No request has been sent. */
export class NotHttp2 extends UpstreamFailure {
  constructor(cause: unknown) {
    super('UPE', 'it does not speak HTTP/2; where it speaks HTTP/1.1 only, write `protocol: http`', {
      unsent: true,
      cause,
    });
  }
}

/** RFC 9113 §6.2: END_STREAM. */
const endStream = 0x1;

/** HTTP/2 to one place over one session at a time. */
export class H2Client implements HttpClientPort {
  readonly #options: H2ClientOptions;
  #session: Promise<ClientHttp2Session> | undefined;

  constructor(options: H2ClientOptions) {
    this.#options = options;
  }

  async send(request: UpstreamRequest): Promise<Reply> {
    const session = await this.#ready();
    return new Promise((resolve, reject) => {
      const { head, body, signal } = request;
      const pseudo = { ':method': head.method, ':path': head.target, ':scheme': 'http' };
      let stream: ClientHttp2Stream;
      try {
        stream = session.request(toH2(pseudo, head.fields), { endStream: body === undefined, signal });
      } catch (cause) {
        reject(new UpstreamFailure('UC', 'the connection is closing', { unsent: true, cause }));
        return;
      }
      let trailers: Fields = [];
      stream.on('trailers', (_headers, _flags, raw?: string[]) => (trailers = raw ?? []));
      stream.on('headers', (headers, _flags, raw?: string[]) => {
        request.onInform({ status: Number(headers[':status']), reason: '', fields: fromH2(raw ?? []).fields });
      });
      stream.on('response', (headers, flags: number, raw?: string[]) => {
        const answer = { status: Number(headers[':status']), reason: '', fields: fromH2(raw ?? []).fields };
        const whole = (flags & endStream) !== 0;
        if (whole) stream.resume();
        resolve({ kind: 'answer', head: answer, body: whole ? undefined : { stream, trailers: () => trailers } });
      });
      stream.on('error', (cause: Error) => {
        const flag = cause.name === 'AbortError' ? 'DC' : 'UC';
        reject(new UpstreamFailure(flag, `the stream broke before an answer: ${cause.message}`, { cause }));
      });
      stream.on('close', () => reject(new UpstreamFailure('UC', 'the stream closed before an answer')));
      if (body !== undefined) {
        pump(body.stream, stream, (count) => body.onBytes?.(count)).then(
          () => stream.end(),
          () => stream.destroy(),
        );
      }
    });
  }

  /** A session that broke is noticed by itself. */
  dropIdle(): void {
    return;
  }

  retire(): void {
    const old = this.#session;
    this.#session = undefined;
    void old?.then(
      (session) => session.close(),
      () => undefined,
    );
  }

  #ready(): Promise<ClientHttp2Session> {
    this.#session ??= this.#connect();
    return this.#session;
  }

  async #connect(): Promise<ClientHttp2Session> {
    try {
      const socket = await this.#options.open();
      const session = connect('http://place', { createConnection: () => socket, settings: { enablePush: false } });
      const mine = this.#session;
      const forget = (): void => {
        if (this.#session === mine) this.#session = undefined;
      };
      session.on('error', forget).on('goaway', forget).on('close', forget);
      session.setTimeout(this.#options.idleMs, () => session.close());
      session.unref();
      const { greetingMs } = this.#options;
      if (greetingMs !== undefined) await greeted(session, socket, greetingMs);
      return session;
    } catch (error) {
      this.#session = undefined;
      throw error;
    }
  }
}

/** RFC 9113 §3.4: a server's preface is SETTINGS, and it waits for nothing. */
function greeted(session: ClientHttp2Session, socket: Duplex, withinMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = (): void => {
      clearTimeout(timer);
      session.off('remoteSettings', pass).off('error', fail).off('close', fail);
      socket.off('end', fail).off('close', fail);
    };
    const pass = (): void => {
      done();
      resolve();
    };
    const fail = (cause?: unknown): void => {
      done();
      session.destroy();
      reject(new NotHttp2(cause));
    };
    const timer = setTimeout(pass, withinMs);
    session.on('remoteSettings', pass).on('error', fail).on('close', fail);
    // A socket that may stay half open ends without a word to its session; one that is gone already has nothing to say.
    socket.on('end', fail).on('close', fail);
    if (socket.destroyed || socket.readableEnded) fail();
  });
}
