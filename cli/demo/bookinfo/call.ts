import { Agent, request } from 'node:http';
import type { IncomingHttpHeaders } from 'node:http';
import type { Settings } from './settings.ts';

/** Headers that an application must pass on itself: no proxy can know which outgoing request belongs to which incoming one. */
const forwarded = [
  'x-request-id',
  'x-ot-span-context',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'b3',
  'traceparent',
  'tracestate',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'x-cloud-trace-context',
  'grpc-trace-bin',
  'sw8',
  'end-user',
  'user-agent',
  'cookie',
  'authorization',
  'jwt',
];

export function forwardedHeaders(incoming: IncomingHttpHeaders): Record<string, string> {
  const outgoing: Record<string, string> = {};
  for (const name of forwarded) {
    const value = incoming[name];
    if (typeof value === 'string') outgoing[name] = value;
  }
  return outgoing;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

const agent = new Agent({ keepAlive: true });

/** One GET through the sidecar. Status 0: no answer, or none in time. */
export async function call(
  settings: Settings,
  host: string,
  path: string,
  headers: Record<string, string>,
  timeoutMs: number,
): Promise<Answer> {
  return await new Promise((resolve) => {
    const failed = (): void => resolve({ status: 0, headers: {}, body: '' });
    const outgoing = request(
      { ...settings.outbound, agent, path, headers: { ...headers, host }, signal: AbortSignal.timeout(timeoutMs) },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', failed);
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(chunks).toString('utf8'),
          }),
        );
      },
    );
    outgoing.on('error', failed);
    outgoing.end();
  });
}
