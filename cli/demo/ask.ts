import { request as plain } from 'node:http';
import { request as secure } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';

export interface Question {
  readonly port: number;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** TLS with this client certificate; the server's own is not looked at: the asker is a stranger. */
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** Either an HTTP answer, or the reason why there was none. */
export type Answer =
  | { readonly kind: 'answer'; readonly status: number; readonly headers: IncomingHttpHeaders; readonly body: string }
  | { readonly kind: 'none'; readonly reason: string };

const patienceMs = 10_000;

/** One GET on loopback, on a connection of its own. */
export async function ask(question: Question): Promise<Answer> {
  return await new Promise((resolve) => {
    const failed = (error: Error): void => resolve({ kind: 'none', reason: error.message });
    const answered = (response: IncomingMessage): void => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('error', failed);
      response.on('end', () =>
        resolve({
          kind: 'answer',
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString('utf8'),
        }),
      );
    };
    const options = {
      host: '127.0.0.1',
      port: question.port,
      path: question.path,
      headers: { ...question.headers },
      agent: false,
      signal: AbortSignal.timeout(patienceMs),
    } as const;
    const outgoing =
      question.certificate === undefined
        ? plain(options, answered)
        : secure({ ...options, ...question.certificate, rejectUnauthorized: false, servername: '' }, answered);
    outgoing.on('error', failed);
    outgoing.end();
  });
}
