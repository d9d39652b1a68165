import type { Agent, IncomingHttpHeaders, IncomingMessage, OutgoingHttpHeaders, RequestOptions } from 'node:http';
import { Agent as TlsAgent, request as requestHttps } from 'node:https';
import { isUtf8 } from 'node:buffer';
import { Agent as PlainAgent, request as requestHttp } from '#runtime/http.ts';
import { isAmbiguous, normalizePath, pathOnly } from '#policies/decide/normalize-path.ts';
import type { CheckHandler } from '#policies/documents/model.ts';
import type { HeaderOperation } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { isUnix, parseAddress } from '#runtime/address.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { refusalStatus } from './grpc-answer.ts';
import { append, isHeaderValue, mayChange, replace } from './header-changes.ts';
import { providerTls } from './provider-tls.ts';
import { noAnswer } from './reply.ts';
import type { Outcome, Provider, Question } from './reply.ts';

const maxBodyBytes = 64 * 1024;
const connections = { keepAlive: true, maxSockets: 256, maxFreeSockets: 32, timeout: 60_000 } as const;
/** What a refusal always brings, as in Envoy: without these it could not be understood. */
const ofEveryRefusal = ['content-type', 'location', 'www-authenticate'];

/** Asks by putting method, path and chosen headers of the request to an HTTP server, whose 200 allows. */
export class HttpProvider implements Provider {
  readonly #handler: CheckHandler;
  readonly #agent: Agent;
  readonly #options: RequestOptions;
  readonly #prefix: string;
  readonly #sees: (name: string) => boolean;

  constructor(handler: CheckHandler, identity: IdentitySource) {
    this.#handler = handler;
    this.#prefix = handler.pathPrefix.replace(/\/$/, '');
    const address = parseAddress(handler.address);
    const host = isUnix(address) ? 'localhost' : address.host;
    const tls = handler.tls === undefined ? undefined : providerTls(handler.tls, host, identity);
    this.#agent =
      tls === undefined
        ? new PlainAgent(connections)
        : new TlsAgent({
            ...connections,
            secureContext: tls.context,
            servername: tls.serverName ?? '',
            checkServerIdentity: tls.checkServerIdentity,
          });
    this.#options = isUnix(address) ? { socketPath: address.path } : { host: address.host, port: address.port };
    this.#sees = matcher(['authorization', ...handler.includeRequestHeadersInCheck]);
  }

  async ask(question: Question, signal: AbortSignal): Promise<Outcome> {
    const { method, path } = question;
    if (!question.http) return { effect: 'unaskable', reason: 'it is asked about HTTP only' };
    if (!path.startsWith('/') || method === '' || method === 'CONNECT') {
      return { effect: 'unaskable', reason: 'the request has no path of its own' };
    }
    if (leaves(this.#prefix, path)) return { effect: 'unaskable', reason: 'the path leads out of the pathPrefix' };
    let response: IncomingMessage;
    let body: Buffer | undefined;
    try {
      const sent = this.#send(question, signal);
      if (sent === undefined) return { effect: 'unaskable', reason: 'the request cannot be written as HTTP' };
      response = await sent;
      body = await read(response);
    } catch (error) {
      if (signal.aborted) return noAnswer('it did not answer in time', true);
      return noAnswer(`it cannot be asked: ${error instanceof Error ? error.message : String(error)}`, true);
    }
    const { statusCode = 0, headers } = response;
    if (statusCode >= 500) return noAnswer(`it answered with status ${statusCode}`);
    if (statusCode === 200) return { effect: 'allow', request: this.#upstream(headers), response: [] };
    const text = body !== undefined && isUtf8(body) ? body.toString() : '';
    return { effect: 'deny', status: refusalStatus(statusCode), response: this.#downstream(headers), body: text };
  }

  [Symbol.dispose](): void {
    this.#agent.destroy();
  }

  /** Undefined where the request has what no HTTP request can carry. */
  #send(question: Question, signal: AbortSignal): Promise<IncomingMessage> | undefined {
    const { method, path } = question;
    const headers: OutgoingHttpHeaders = { host: question.host, 'content-length': 0 };
    for (const [name, values] of question.headers) {
      if (!this.#sees(name) || !mayChange(name)) continue;
      if (!values.every(isHeaderValue)) return undefined;
      headers[name] = [...values];
    }
    if (!isHeaderValue(question.host) || /[^\x21-\x7e]/.test(path) || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(method)) {
      return undefined;
    }
    const secure = this.#handler.tls !== undefined;
    return new Promise((resolve, reject) => {
      const sent = (secure ? requestHttps : requestHttp)({
        ...this.#options,
        agent: this.#agent,
        method,
        path: this.#prefix + path,
        headers,
        setHost: false,
        signal,
      });
      sent.on('response', resolve).on('error', reject).end();
    });
  }

  #upstream(headers: IncomingHttpHeaders): HeaderOperation[] {
    return chosen(headers, this.#handler.headersToUpstreamOnAllow, replace);
  }

  #downstream(headers: IncomingHttpHeaders): HeaderOperation[] {
    return chosen(headers, [...ofEveryRefusal, ...this.#handler.headersToDownstreamOnDeny], append);
  }
}

/**
 * Whether a reader that resolves more than the mesh's level does would find the question elsewhere than under the prefix:
 * at another address of the provider something else may answer, and with 200.
 */
function leaves(prefix: string, path: string): boolean {
  if (prefix === '') return false;
  const whole = prefix + pathOnly(path);
  const furthest = normalizePath('DECODE_AND_MERGE_SLASHES', whole);
  const within = normalizePath('DECODE_AND_MERGE_SLASHES', prefix);
  return furthest === undefined || !`${furthest}/`.startsWith(`${within ?? prefix}/`) || isAmbiguous(whole);
}

/** Undefined where there is more than anybody needs; the answer counts by its status all the same. */
async function read(response: IncomingMessage): Promise<Buffer | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBodyBytes) {
      response.destroy();
      return undefined;
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function chosen(
  headers: IncomingHttpHeaders,
  names: readonly string[],
  make: (name: string, value: string) => HeaderOperation,
): HeaderOperation[] {
  const wanted = matcher(names);
  return Object.entries(headers).flatMap(([name, value]) => {
    if (value === undefined || !wanted(name) || !mayChange(name)) return [];
    const values = typeof value === 'string' ? [value] : value;
    // The first value takes the place of what was there, others of the same name join it.
    return values.filter(isHeaderValue).map((one, i) => (i === 0 ? make : append)(name, one));
  });
}

/** Names as documents list them: `x-*` is a prefix, `*-id` a suffix. */
function matcher(patterns: readonly string[]): (name: string) => boolean {
  const tests = patterns.map((pattern) => {
    const lower = pattern.toLowerCase();
    if (lower.endsWith('*')) return (name: string) => name.startsWith(lower.slice(0, -1));
    if (lower.startsWith('*')) return (name: string) => name.endsWith(lower.slice(1));
    return (name: string) => name === lower;
  });
  return (name) => tests.some((test) => test(name));
}
