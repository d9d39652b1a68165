import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { Address } from '#runtime/address.ts';
import { checkConnectionsEveryMs, limitConnections } from '#runtime/limit-http.ts';
import { listen } from '#runtime/listen.ts';
import type { WebTls } from './web-tls.ts';

export interface Document {
  readonly body: unknown;
  readonly maxAgeSeconds: number;
}

/** Documents by path, made anew for every request: each is small, and says what holds now. */
export type Documents = ReadonlyMap<string, () => Document>;

/** A few JSON documents for everybody, over TLS. Never asks its callers for a certificate (SPIFFE Federation §5.2). */
export class PublicServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #stop = new AbortController();

  constructor(documents: Documents, tls: WebTls) {
    const times = { headersTimeout: 5000, requestTimeout: 5000, keepAliveTimeout: 5000 };
    const limits = { ...times, maxHeaderSize: 8192, connectionsCheckingInterval: checkConnectionsEveryMs };
    this.#server = createServer({ ...tls.current(), ...limits, handshakeTimeout: 5000 }, (request, response) =>
      answer(request, response, documents),
    );
    limitConnections(this.#server, 1000);
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
    tls.onChange(() => this.#server.setSecureContext(tls.current()), this.#stop.signal);
  }

  listen(address: Address, setting: string): Promise<Address> {
    return listen(this.#server, address, { setting });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

function answer({ method, url = '' }: IncomingMessage, response: ServerResponse, documents: Documents): void {
  const document = documents.get(url.split('?', 1)[0] ?? '');
  if (document === undefined || (method !== 'GET' && method !== 'HEAD')) {
    const [status, text] = document === undefined ? [404, 'there is nothing here\n'] : [405, 'GET only\n'];
    response.writeHead(status, { 'content-type': 'text/plain' }).end(text);
    return;
  }
  const { body, maxAgeSeconds } = document();
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': `max-age=${maxAgeSeconds}` });
  response.end(method === 'HEAD' ? undefined : JSON.stringify(body));
}
