import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { createServer } from './http.ts';
import { type Address, isLoopback } from './address.ts';
import { checkConnectionsEveryMs, limitConnections } from './limit-http.ts';
import { type ListenPlace, listen } from './listen.ts';
import type { Logger } from './logger.ts';
import type { Metrics } from './metrics.ts';
import { Readiness } from './readiness.ts';

export interface AdminOptions {
  readonly logger: Logger;
  readonly metrics: Metrics;
}

interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | AsyncIterable<string>;
}

type Page = () => unknown;

/** What an operator asks a process: alive, ready, metrics, and whatever JSON pages its composition root adds. Only reads. */
export class AdminServer implements AsyncDisposable {
  readonly readiness = new Readiness();
  readonly #options: AdminOptions;
  readonly #pages = new Map<string, Page>();
  readonly #server: Server;
  #local = true;

  constructor(options: AdminOptions) {
    this.#options = options;
    this.#server = createServer(
      {
        maxHeaderSize: 16_384,
        headersTimeout: 5000,
        requestTimeout: 10_000,
        keepAliveTimeout: 5000,
        connectionsCheckingInterval: checkConnectionsEveryMs,
      },
      (request, response) => void this.#answer(request, response),
    );
    limitConnections(this.#server, 256);
  }

  /** A JSON page: `/config`, `/revision`, `/status`. What it returns must hold no secret. */
  page(path: string, read: Page): this {
    this.#pages.set(path, read);
    return this;
  }

  async listen(address: Address, place: ListenPlace = {}): Promise<Address> {
    this.#local = isLoopback(address);
    return listen(this.#server, address, place);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let answer: Answer;
    try {
      answer = this.#refusal(request) ?? (await this.#read(new URL(request.url ?? '/', 'http://admin').pathname));
    } catch (error) {
      this.#options.logger.error('admin page failed', { page: request.url, error });
      answer = json(500, { error: 'internal error' });
    }
    await send(request, response, answer).catch((error: unknown) => {
      this.#options.logger.debug('admin answer not finished', { page: request.url, error });
      response.destroy();
    });
  }

  #refusal(request: IncomingMessage): Answer | undefined {
    if (request.method !== 'GET' && request.method !== 'HEAD') return json(405, { error: 'only GET and HEAD' });
    // A page in a browser on this host must not read us by a name that it made point to loopback.
    if (this.#local && !namesLoopback(request.headers.host ?? 'localhost')) {
      return json(421, { error: 'ask by `localhost` or by address' });
    }
    return undefined;
  }

  async #read(path: string): Promise<Answer> {
    if (path === '/livez') return json(200, { alive: true });
    if (path === '/readyz') {
      const { missing } = this.readiness;
      return json(missing.length === 0 ? 200 : 503, { ready: missing.length === 0, missing });
    }
    if (path === '/metrics') {
      const { metrics } = this.#options;
      return { status: 200, type: metrics.contentType, body: metrics.stream() };
    }
    const page = this.#pages.get(path);
    if (page !== undefined) return json(200, await page());
    return json(404, { error: 'not found', pages: ['/livez', '/readyz', '/metrics', ...this.#pages.keys()] });
  }
}

async function send(request: IncomingMessage, response: ServerResponse, answer: Answer): Promise<void> {
  const headers = { 'content-type': answer.type, 'cache-control': 'no-store', vary: 'accept-encoding' };
  if (request.method === 'HEAD' || typeof answer.body === 'string') {
    response.writeHead(answer.status, headers).end(request.method === 'HEAD' ? undefined : answer.body);
    return;
  }
  const body = Readable.from(answer.body, { objectMode: false });
  if (/\bgzip\b/.test(String(request.headers['accept-encoding']))) {
    response.writeHead(answer.status, { ...headers, 'content-encoding': 'gzip' });
    await pipeline(body, createGzip({ level: 1 }), response);
  } else {
    response.writeHead(answer.status, headers);
    await pipeline(body, response);
  }
}

function namesLoopback(host: string): boolean {
  const name = host.replace(/:[0-9]+$/, '').replace(/^\[(.*)\]$/, '$1');
  return name === 'localhost' || isIP(name) !== 0;
}

function json(status: number, value: unknown): Answer {
  const text = JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? item.toString() : item));
  return { status, type: 'application/json', body: `${text}\n` };
}
