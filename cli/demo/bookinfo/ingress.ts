import { Agent, request } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Settings } from './settings.ts';

const agent = new Agent({ keepAlive: true });
/** They belong to one connection, and each side has its own (RFC 9110, section 7.6.1). */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** Takes what comes from outside and hands it to the product page through the ingress' own sidecar, hence with its identity. */
export function ingress(settings: Settings): (incoming: IncomingMessage, response: ServerResponse) => void {
  return (incoming, response) => {
    const headers: Record<string, string | string[]> = {};
    for (const [name, value] of Object.entries(incoming.headersDistinct)) {
      if (value !== undefined && !hopByHop.has(name)) headers[name] = value.length === 1 ? (value[0] ?? '') : value;
    }
    headers['host'] = settings.upstreams.productpage;
    // What a client says of its own way here is replaced, not continued: nobody in front of us is trusted.
    headers['x-forwarded-for'] = incoming.socket.remoteAddress ?? '';
    const outgoing = request(
      { ...settings.outbound, agent, method: incoming.method, path: incoming.url, headers },
      (answer) => {
        const kept = Object.entries(answer.headersDistinct).filter(([name]) => !hopByHop.has(name));
        response.writeHead(answer.statusCode ?? 502, Object.fromEntries(kept));
        answer.pipe(response);
      },
    );
    outgoing.on('error', (error) => {
      if (response.headersSent) response.destroy();
      else
        response
          .writeHead(502, { 'content-type': 'text/plain' })
          .end(`no answer from the product page: ${error.message}\n`);
    });
    incoming.pipe(outgoing);
  };
}
