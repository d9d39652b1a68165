// node test/bench/sidecar.bench.ts [--baseline FILE] [--requests N]
// A pair of sidecar processes beside the application alone. Load, application and what the sidecars ask live in this process,
// so the rate is no limit of a sidecar; what each sidecar process spends is its own, read from itself.
import { once } from 'node:events';
import { type Socket, connect } from 'node:net';
import { parseArgs } from 'node:util';
import { type Measurement, publish, summary } from '#test/bench/harness.ts';
import { type ForkedSidecar, forkSidecar } from '#test/fakes/fork-sidecar.ts';
import { anyPort, peerAuthentication, serviceEntry, spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

const { values } = parseArgs({ options: { requests: { type: 'string', default: '20000' } }, strict: false });
const requests = Number(values.requests);
const connections = 16;
const bytes = Buffer.from('GET /api/v1/item/42 HTTP/1.1\r\nhost: web.shop\r\nx-tier: gold\r\n\r\n');

await using world = await startWorld();
const app = await world.application((_request, response) => {
  response.setHeader('content-length', 6);
  response.end('hello\n');
});
const { authz, telemetry } = world.addresses;
const server = await forkSidecar({
  authz,
  telemetry,
  serviceAccount: 'web',
  identity: await world.pki.identity(spiffeIdOf('web')),
  inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
  outbound: undefined,
});
world.keep(server);
world.push(peerAuthentication('STRICT') + serviceEntry('web.shop', 'web', [server.inboundPort]));
const client = await forkSidecar({
  authz,
  telemetry,
  serviceAccount: 'caller',
  identity: await world.pki.identity(spiffeIdOf('caller')),
  inbound: [],
  outbound: { listen: anyPort },
});
world.keep(client);
setInterval(() => {
  world.asked.length = 0;
  world.reported.length = 0;
}, 100).unref();

const direct = await load('direct', app.address.port, requests);
await load('warm-up', client.outboundPort, Math.min(requests, 5_000));
const before = await costs();
const pair = await load('pair: mTLS, a check and two reports a request', client.outboundPort, requests);
const after = await costs();

publish('sidecar', [direct, pair], {
  connections,
  addedUs: { p50: Math.round(pair.p50Us - direct.p50Us), p99: Math.round(pair.p99Us - direct.p99Us) },
  cpuUsPerRequest: spent(before, after),
  rssMiB: { client: mib(after.client.rss), server: mib(after.server.rss) },
});

async function load(name: string, port: number, total: number): Promise<Measurement> {
  const latencies: number[] = [];
  const start = performance.now();
  let left = total;
  await Promise.all(
    Array.from({ length: connections }, async () => {
      const socket = connect({ host: '127.0.0.1', port, noDelay: true });
      await once(socket, 'connect');
      while (left-- > 0) {
        const sent = performance.now();
        socket.write(bytes);
        await answer(socket);
        latencies.push((performance.now() - sent) * 1_000);
      }
      socket.destroy();
    }),
  );
  return summary(name, latencies, total, performance.now() - start);
}

/** One whole answer: the application's body ends in a line feed and nothing else of it does. */
async function answer(socket: Socket): Promise<void> {
  let text = '';
  while (!text.endsWith('hello\n')) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    text += chunk.toString('latin1');
    if (text.startsWith('HTTP/1.1 ') && !text.startsWith('HTTP/1.1 200 ')) throw new Error(text);
  }
}

async function costs() {
  const of = async (sidecar: ForkedSidecar) => sidecar.cost();
  return { client: await of(client), server: await of(server) };
}

function spent(from: Awaited<ReturnType<typeof costs>>, to: typeof from): Record<string, number> {
  const per = (side: 'client' | 'server'): number => Math.round((to[side].cpuMicros - from[side].cpuMicros) / requests);
  return { client: per('client'), server: per('server'), pair: per('client') + per('server') };
}

function mib(size: number): number {
  return Math.round(size / (1 << 20));
}
