import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { createServer } from '#runtime/http.ts';
import { GarrisonError, asGarrisonError, toGrpcStatus, toHttpStatus } from '#proto/errors/index.ts';
import { formatAddress, isLoopback, isUnix } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { checkConnectionsEveryMs, limitConnections } from '#runtime/limit-http.ts';
import { listen } from '#runtime/listen.ts';
import type { Logger } from '#runtime/logger.ts';

export interface JsonServerOptions {
  readonly address: Address;
  /** The name of the setting that the address comes from. */
  readonly setting: string;
  readonly logger: Logger;
  /** JSON text for a GET of that URL; a GarrisonError is answered as such. */
  readonly answer: (url: URL) => Promise<string>;
}

/**
 * Reads for tools on this host: nobody proves who they are here, so only loopback addresses and unix sockets are served,
 * and a browser that some web page drives is turned away.
 */
export class JsonServer implements AsyncDisposable {
  readonly address: Address;
  readonly #server: Server;

  private constructor(server: Server, address: Address) {
    this.#server = server;
    this.address = address;
  }

  static async start({ address, setting, logger, answer }: JsonServerOptions): Promise<JsonServer> {
    if (!isLoopback(address)) {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${formatAddress(address)}\` can be reached from other hosts`, {
        place: setting,
        remedy: 'choose a loopback address such as `127.0.0.1:8182`, or a unix socket',
      });
    }
    const server = createServer({ connectionsCheckingInterval: checkConnectionsEveryMs }, (request, response) => {
      void handle(request, response, answer, !isUnix(address)).catch((error: unknown) => {
        logger.error('audit answer failed', { error });
        response.destroy();
      });
    });
    server.requestTimeout = 10_000;
    server.headersTimeout = 10_000;
    limitConnections(server, 200);
    return new JsonServer(server, await listen(server, address, { setting }));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeIdleConnections();
    });
  }
}

async function handle(
  request: IncomingMessage,
  response: ServerResponse,
  answer: (url: URL) => Promise<string>,
  checkHost: boolean,
): Promise<void> {
  request.resume();
  try {
    if (request.method !== 'GET' && request.method !== 'HEAD') {
      throw new GarrisonError('UNIMPLEMENTED', `there is no \`${request.method ?? ''}\` here`, { remedy: 'use GET' });
    }
    if (checkHost) refuseForeignHost(request.headers.host);
    send(request, response, 200, await answer(urlOf(request)));
  } catch (error) {
    const known = asGarrisonError(error);
    const { code, message, place, remedy } = known;
    const status = known.code === 'UNIMPLEMENTED' ? 405 : toHttpStatus(toGrpcStatus(code));
    send(request, response, status, JSON.stringify({ error: { code, message, place, remedy } }));
    if (code === 'INTERNAL') throw error;
  }
}

function urlOf(request: IncomingMessage): URL {
  const url = URL.parse(request.url ?? '/', 'http://localhost');
  if (url !== null) return url;
  throw new GarrisonError('INVALID_ARGUMENT', 'the request target is no URL');
}

/** A page that points its own name at 127.0.0.1 (DNS rebinding) still sends that name. */
function refuseForeignHost(host: string | undefined): void {
  const name = URL.parse(`http://${host ?? ''}`)?.hostname.replace(/^\[|\]$/g, '');
  if (name !== undefined && isLoopback({ host: name, port: 0 })) return;
  throw new GarrisonError('PERMISSION_DENIED', `\`${host ?? ''}\` is not a name of this host`, {
    remedy: 'ask by `localhost` or the loopback address',
  });
}

function send(request: IncomingMessage, response: ServerResponse, status: number, json: string): void {
  const body = Buffer.from(`${json}\n`);
  response.writeHead(status, {
    'content-type': 'application/json; charset=utf-8',
    'content-length': body.length,
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}
