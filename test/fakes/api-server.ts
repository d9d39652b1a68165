import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterReview } from '#runtime/config/callers-config.ts';
import { listen } from '#runtime/listen.ts';
import { TestPki } from './mesh-pki.ts';

/** What it answers about a token: the status of a TokenReview. */
export type TokenStatus = Readonly<Record<string, unknown>>;

/** A Kubernetes API server over real TLS: TokenReviews for the tokens a test has given it, and objects by path. */
export class ApiServer implements AsyncDisposable {
  readonly tokens = new Map<string, TokenStatus>();
  readonly objects = new Map<string, unknown>();
  readonly asked: { readonly path: string; readonly authorization: string | undefined; readonly body: unknown }[] = [];
  /** Answers instead of it, where a test wants one that is wrong. */
  misbehave: ((response: ServerResponse) => void) | undefined = undefined;
  readonly #server: Server;
  readonly #folder = mkdtempSync(join(tmpdir(), 'gk8s-'));
  #port = 0;

  private constructor(server: Server) {
    this.#server = server;
  }

  static async start(): Promise<ApiServer> {
    const pki = await TestPki.create('cluster');
    const { certificates, privateKey } = await pki.identity('spiffe://cluster/api', {
      names: [{ type: 'dns', value: 'localhost' }],
    });
    const server: ApiServer = new ApiServer(
      createServer({ cert: certificates.join(''), key: privateKey }, (request, response) => {
        void server.#serve(request, response);
      }),
    );
    const address = await listen(server.#server, { host: '127.0.0.1', port: 0 });
    server.#port = 'port' in address ? address.port : 0;
    writeFileSync(join(server.#folder, 'ca.pem'), pki.bundle.join(''));
    writeFileSync(join(server.#folder, 'token'), 'reviewer\n');
    return server;
  }

  /** As it stands in a configuration. */
  review(cluster: string, audiences: readonly string[]): ClusterReview {
    const tokenReview = `https://localhost:${this.#port}/apis/authentication.k8s.io/v1/tokenreviews`;
    return { cluster, tokenReview, ca: join(this.#folder, 'ca.pem'), token: join(this.#folder, 'token'), audiences };
  }

  /** A good token of a service account. */
  account(
    token: string,
    user: string,
    audiences: readonly string[],
    extra: Readonly<Record<string, string>> = {},
  ): void {
    const lists = Object.fromEntries(Object.entries(extra).map(([name, value]) => [name, [value]]));
    this.tokens.set(token, { authenticated: true, audiences, user: { username: user, uid: 'u', extra: lists } });
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const text = (await request.toArray()).join('');
    const body: unknown = text === '' ? undefined : JSON.parse(text);
    this.asked.push({ path, authorization: request.headers.authorization, body });
    if (this.misbehave !== undefined) {
      this.misbehave(response);
      return;
    }
    if (request.headers.authorization !== 'Bearer reviewer') return void response.writeHead(401).end();
    const answer = request.method === 'POST' ? this.#reviewed(body) : this.objects.get(path);
    if (answer === undefined) return void response.writeHead(404).end();
    response.writeHead(request.method === 'POST' ? 201 : 200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  }

  #reviewed(body: unknown): unknown {
    const { spec } = body as { spec: { token: string; audiences: string[] } };
    const status = this.tokens.get(spec.token) ?? { authenticated: false, user: {} };
    return { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', metadata: {}, spec, status };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    rmSync(this.#folder, { recursive: true });
  }
}
