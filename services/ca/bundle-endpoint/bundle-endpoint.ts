import { createServer, type Server } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { Address } from '#runtime/address.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { listen } from '#runtime/listen.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import type { Authorities } from '../authority/authorities.ts';

export interface BundleEndpointOptions {
  readonly trustDomain: TrustDomain;
  readonly authorities: Authorities;
  /** Shown to callers, who check it by its SPIFFE ID (profile https_spiffe). */
  readonly identity: IdentitySource;
}

/** How often others should ask: a new root is published long before it signs. */
const refreshHintSeconds = 300;

/**
 * The SPIFFE bundle endpoint, profile https_spiffe: one document, for everybody, over TLS with the authority's own SVID.
 * Never asks its callers for a certificate (SPIFFE Federation §5.2).
 */
export class BundleEndpoint implements AsyncDisposable {
  readonly #server: Server;
  readonly #stop: () => void;

  constructor(options: BundleEndpointOptions) {
    const { identity } = options;
    this.#server = createServer(
      {
        ...contextOf(identity),
        maxHeaderSize: 8192,
        headersTimeout: 5000,
        requestTimeout: 5000,
        keepAliveTimeout: 5000,
      },
      (request, response) => answer(request, response, options),
    );
    this.#server.maxConnections = 1000;
    this.#server.on('tlsClientError', (_error, socket) => socket.destroy());
    this.#stop = identity.onChange(() => this.#server.setSecureContext(contextOf(identity)));
  }

  listen(address: Address): Promise<Address> {
    return listen(this.#server, address, { setting: 'ca.bundleEndpoint' });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }
}

/** §5.1: "intermediate" TLS, so that clients older than TLS 1.3 may fetch the bundle; it holds no secret. */
function contextOf(identity: IdentitySource): ReturnType<typeof secureContextOptions> {
  return { ...secureContextOptions(identity.current()), minVersion: 'TLSv1.2' };
}

function answer(
  { method, url }: IncomingMessage,
  response: ServerResponse,
  { authorities, trustDomain }: BundleEndpointOptions,
): void {
  const known = url === '/' || url?.startsWith('/?') === true;
  if (!known || (method !== 'GET' && method !== 'HEAD')) {
    response
      .writeHead(known ? 405 : 404, { 'content-type': 'text/plain' })
      .end(known ? 'GET only\n' : 'the bundle is at /\n');
    return;
  }
  const trusted = authorities.trusted();
  const document = toBundleDocument({
    trustDomain,
    roots: trusted.map(({ root }) => root.der),
    jwtKeys: trusted.map(({ jwtKey }) => jwtKey),
    sequence: authorities.sequence,
    refreshHintSeconds,
  });
  response.writeHead(200, { 'content-type': 'application/json', 'cache-control': `max-age=${refreshHintSeconds}` });
  response.end(method === 'HEAD' ? undefined : JSON.stringify(document));
}
