import { createServer } from 'node:http';
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { ServerOptions } from 'node:https';
import { exportJWK, generateKeyPair, SignJWT } from 'jose';
import type { CryptoKey, JWK, JWTPayload } from 'jose';
import type { Address } from '#runtime/address.ts';
import { listen } from '#runtime/listen.ts';

export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicKey: JWK;
}

export async function signingKey(kid: string): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  return { kid, privateKey, publicKey: { ...(await exportJWK(publicKey)), kid, alg: 'ES256', use: 'sig' } };
}

export function sign({ kid, privateKey }: SigningKey, claims: JWTPayload): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid }).sign(privateKey);
}

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real HTTP server of an issuer, which answers each path as the test says and counts who asked. */
export class KeyServer implements AsyncDisposable {
  readonly asked: string[] = [];
  readonly #server: Server;
  readonly #pages = new Map<string, Answer>();
  readonly #scheme: string;
  port = 0;

  private constructor(tls: ServerOptions | undefined) {
    const serve: RequestListener = (request, response) => {
      const path = request.url ?? '';
      this.asked.push(path);
      const answer = this.#pages.get(path) ?? ((_, missing) => missing.writeHead(404).end());
      answer(request, response);
    };
    this.#server = tls === undefined ? createServer(serve) : createTlsServer(tls, serve);
    this.#scheme = tls === undefined ? 'http' : 'https';
  }

  static async start(tls?: ServerOptions, at: Address = { host: '127.0.0.1', port: 0 }): Promise<KeyServer> {
    const server = new KeyServer(tls);
    const address = await listen(server.#server, at);
    server.port = 'port' in address ? address.port : 0;
    return server;
  }

  url(path = '', host = 'localhost'): string {
    return `${this.#scheme}://${host}:${this.port}${path}`;
  }

  page(path: string, answer: Answer): this {
    this.#pages.set(path, answer);
    return this;
  }

  json(path: string, value: unknown, headers: Readonly<Record<string, string>> = {}): this {
    return this.page(path, (_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(value));
    });
  }

  keys(path: string, keys: readonly SigningKey[], headers?: Readonly<Record<string, string>>): this {
    return this.json(path, { keys: keys.map(({ publicKey }) => publicKey) }, headers);
  }

  redirect(path: string, location: string, status = 302): this {
    return this.page(path, (_, response) => response.writeHead(status, { location }).end());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
