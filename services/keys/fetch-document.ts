import type { IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { X509Certificate } from 'node:crypto';
import type { PeerCertificate } from 'node:tls';
import { request as requestHttp } from '#runtime/http.ts';
import { describeReason } from '#runtime/grpc/describe-unreachable.ts';
import { GarrisonError, type ErrorDetail } from '#proto/errors/index.ts';
import type { AllowedHosts } from './address-rules.ts';
import { checkedLookup, refuseAddress } from './connect-checked.ts';
import type { Resolve } from './connect-checked.ts';

const maxBytes = 1024 * 1024;
const maxRedirects = 3;

export interface FetchOptions {
  readonly resolve: Resolve;
  readonly allowed: AllowedHosts;
  /** PEM of every authority that may have signed the servers' certificates. */
  readonly authorities: readonly string[];
  /** What to do where none of them has. */
  readonly untrusted?: string;
  /** Judges the server in place of its host name; what it throws refuses it. The chain is verified in any case. */
  readonly identify?: (certificate: X509Certificate) => void;
}

export interface Fetched {
  readonly body: Buffer;
  readonly cacheControl: string | undefined;
}

/** Gets one small document, following few redirects; every hop's address is checked before anything is sent there. */
export async function fetchDocument(url: URL, signal: AbortSignal, options: FetchOptions): Promise<Fetched> {
  let at = url;
  for (let hops = 0; ; hops++) {
    const response = await get(at, signal, options).catch((error: unknown) => {
      throw hops > 0 && refusedThere(error) ? sentThere(url, error) : error;
    });
    const location = redirectOf(response);
    if (location === undefined)
      return { body: await read(response, at, signal), cacheControl: response.headers['cache-control'] };
    response.destroy();
    if (hops === maxRedirects) throw bad(at, `redirects more than ${maxRedirects} times`);
    at = next(at, location);
  }
}

function get(url: URL, signal: AbortSignal, options: FetchOptions): Promise<IncomingMessage> {
  const { resolve, allowed, authorities, untrusted, identify } = options;
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return new Promise((done, fail) => {
    refuseAddress(url, allowed);
    const sent = request(
      url,
      {
        // No agent: a pooled connection would go to an address that was checked for somebody else.
        agent: false,
        headers: { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'garrison' },
        lookup: checkedLookup(resolve, allowed),
        maxHeaderSize: 16_384,
        signal,
        ca: [...authorities],
        ...(identify === undefined ? {} : { checkServerIdentity: judgedBy(identify) }),
      },
      done,
    );
    sent.on('error', (error) => fail(reasonOf(error, url, signal, untrusted)));
    sent.end();
  });
}

function judgedBy(identify: (certificate: X509Certificate) => void) {
  return (_host: string, shown: PeerCertificate): Error | undefined => {
    try {
      identify(new X509Certificate(shown.raw));
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  };
}

function redirectOf({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  return [301, 302, 303, 307, 308].includes(statusCode) ? (headers.location ?? '') : undefined;
}

function next(from: URL, location: string): URL {
  const to = URL.canParse(location, from.href) ? new URL(location, from) : undefined;
  if (to === undefined || location === '' || !['http:', 'https:'].includes(to.protocol) || to.username !== '') {
    throw bad(from, 'redirects to something that is no http or https URL');
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') throw bad(from, 'redirects from https to http');
  return to;
}

async function read(response: IncomingMessage, url: URL, signal: AbortSignal): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    if (response.statusCode !== 200) throw bad(url, `answers with status ${response.statusCode ?? 0}`);
    if ((response.headers['content-encoding'] ?? 'identity') !== 'identity') throw bad(url, 'sends encoded content');
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw bad(url, 'sends more than 1 MiB');
      chunks.push(chunk);
    }
    if (!response.complete) throw bad(url, 'breaks off');
    return Buffer.concat(chunks);
  } catch (error) {
    throw reasonOf(error, url, signal);
  } finally {
    response.destroy();
  }
}

/** What Node calls it when a chain leads to none of the roots. */
const notTrusted = /^(?:UNABLE_TO_(?:GET|VERIFY)_|SELF_SIGNED_|DEPTH_ZERO_|CERT_SIGNATURE_FAILURE$)/;

function reasonOf(error: unknown, url: URL, signal: AbortSignal, untrusted?: string): GarrisonError {
  if (signal.aborted && signal.reason instanceof GarrisonError) {
    return new GarrisonError(signal.reason.code, `${named(url)} cannot be asked: ${signal.reason.message}`);
  }
  if (error instanceof GarrisonError) return error;
  const { code = '', message = String(error) } = error as { readonly code?: string; readonly message?: string };
  return bad(url, `cannot be asked: ${message === '' ? code : describeReason(message)}`, {
    // What has a code is of the network, and its place in Node's source says nothing more.
    ...(code === '' ? { cause: error } : {}),
    ...(untrusted !== undefined && notTrusted.test(code) ? { remedy: untrusted } : {}),
  });
}

function refusedThere(error: unknown): error is GarrisonError {
  return error instanceof GarrisonError && error.code === 'PERMISSION_DENIED';
}

function sentThere(from: URL, { code, message, remedy = '' }: GarrisonError): GarrisonError {
  return new GarrisonError(code, `${named(from)} redirects: ${message}`, { remedy });
}

function bad(url: URL, what: string, detail: ErrorDetail = {}): GarrisonError {
  return new GarrisonError('UNAVAILABLE', `${named(url)} ${what}`, detail);
}

function named({ origin, pathname }: URL): string {
  return `\`${origin}${pathname}\``;
}
