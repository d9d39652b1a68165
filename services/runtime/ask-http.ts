import type { IncomingMessage } from 'node:http';
import { request as requestHttps, type RequestOptions } from 'node:https';
import { request as requestHttp } from './http.ts';

/** One question to a server that the configuration names. */
export interface HttpQuestion {
  readonly url: string | URL;
  /** Where the server is a unix socket; the URL then gives the path alone. */
  readonly socketPath?: string | undefined;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; without it the question is a GET. */
  readonly body?: unknown;
  /** PEM: the only authorities that are believed. */
  readonly ca?: string | undefined;
  /** The name in the server's certificate, where it is not that of the URL. */
  readonly serverName?: string | undefined;
  readonly timeoutMs: number;
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: Buffer;
}

/** Asks once, on a connection of its own, within limits of time and size; follows nowhere. */
export async function askHttp(question: HttpQuestion): Promise<HttpAnswer> {
  const { url, maxBytes } = question;
  const sent = question.body === undefined ? undefined : JSON.stringify(question.body);
  const response = await new Promise<IncomingMessage>((done, fail) => {
    const request = new URL(url).protocol === 'https:' ? requestHttps : requestHttp;
    request(url, optionsOf(question, sent), done).on('error', fail).end(sent);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`it sends more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  if (!response.complete) throw new Error('it breaks off');
  return { status: response.statusCode ?? 0, body: Buffer.concat(chunks) };
}

function optionsOf(question: HttpQuestion, sent: string | undefined): RequestOptions {
  const { socketPath, headers, ca, serverName, timeoutMs, signal } = question;
  const limit = AbortSignal.timeout(timeoutMs);
  return {
    method: sent === undefined ? 'GET' : 'POST',
    agent: false,
    headers: {
      accept: 'application/json',
      ...headers,
      ...(sent === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(sent) }),
    },
    maxHeaderSize: 16_384,
    signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
    ...(socketPath === undefined ? {} : { socketPath }),
    ...(ca === undefined ? {} : { ca }),
    ...(serverName === undefined ? {} : { servername: serverName }),
  };
}
