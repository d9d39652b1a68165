import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { freePort } from '#test/fakes/free-port.ts';
import { envoyProgram } from '#test/fakes/python-peers.ts';
import { get, tlsSocket } from '#test/fakes/raw-http.ts';
import { type World, anyPort, spiffeIdOf, startWorld } from '#test/fakes/sidecar-world.ts';

const ports = { V1: 0, V2: 0, reader: 0 };

interface Vector {
  readonly name: string;
  readonly text?: string;
  readonly hex?: string;
  readonly header?: { readonly length: number; readonly source?: string | null };
}

const vectors = JSON.parse(
  readFileSync(join(import.meta.dirname, '../unit/sidecar/proxy-headers.json'), 'utf8'),
) as Vector[];
const bytesOf = ({ text, hex }: Vector): Buffer =>
  hex === undefined ? Buffer.from(text ?? '') : Buffer.from(hex, 'hex');

let world: World;
let process: ChildProcess;
let folder: string;

const at = (where: number): unknown => ({ socket_address: { address: '127.0.0.1', port_value: where } });
const typed = (type: string, more: object): unknown => ({ '@type': `type.googleapis.com/${type}`, ...more });

/** A listener that reads PROXY headers itself and answers with whom it takes for the client. */
function reader(port: number): unknown {
  const answer = {
    match: { prefix: '/' },
    direct_response: { status: 200 },
    response_headers_to_add: [{ header: { key: 'x-from', value: '%DOWNSTREAM_REMOTE_ADDRESS%' } }],
  };
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'reader',
    use_remote_address: true,
    route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes: [answer] }] },
    http_filters: [{ name: 'router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router', {}) }],
  });
  return {
    address: at(port),
    listener_filters: [
      {
        name: 'proxy',
        typed_config: typed('envoy.extensions.filters.listener.proxy_protocol.v3.ProxyProtocol', {}),
      },
    ],
    filter_chains: [{ filters: [{ name: 'http', typed_config: manager }] }],
  };
}

/** A load balancer in front of the sidecar that tells on whose behalf it connects. */
function balancer(version: 'V1' | 'V2', port: number, sidecar: number): { listener: unknown; cluster: unknown } {
  return {
    listener: {
      address: at(port),
      filter_chains: [
        {
          filters: [
            {
              name: 'tcp',
              typed_config: typed('envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy', {
                stat_prefix: version,
                cluster: version,
              }),
            },
          ],
        },
      ],
    },
    cluster: {
      name: version,
      load_assignment: {
        cluster_name: version,
        endpoints: [{ lb_endpoints: [{ endpoint: { address: at(sidecar) } }] }],
      },
      transport_socket: {
        name: 'proxied',
        typed_config: typed('envoy.extensions.transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport', {
          config: { version },
          transport_socket: {
            name: 'raw',
            typed_config: typed('envoy.extensions.transport_sockets.raw_buffer.v3.RawBuffer', {}),
          },
        }),
      },
    },
  };
}

beforeAll(async () => {
  world = await startWorld();
  const app = await world.application((_request, response) => response.end('hello'));
  const { inboundPort } = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'auto', proxyProtocol: { from: ['127.0.0.1'] } }],
  });
  ports.V1 = await freePort();
  ports.V2 = await freePort();
  ports.reader = await freePort();
  const sides = [balancer('V1', ports.V1, inboundPort), balancer('V2', ports.V2, inboundPort)];
  folder = mkdtempSync(join(tmpdir(), 'garrison-envoy-'));
  const file = join(folder, 'envoy.json');
  const listeners = [...sides.map(({ listener }) => listener), reader(ports.reader)];
  const resources = { listeners, clusters: sides.map(({ cluster }) => cluster) };
  writeFileSync(file, JSON.stringify({ static_resources: resources }));
  process = spawn(envoyProgram(), ['-c', file, '--use-dynamic-base-id', '--concurrency', '1'], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  for await (const line of createInterface({ input: process.stderr! })) {
    if (line.includes('all dependencies initialized. starting workers')) break;
  }
  process.stderr?.resume();
  for (const port of Object.values(ports)) while (!(await accepts(port))) await new Promise(setImmediate);
});

/** Workers listen a moment after they have been started. */
async function accepts(port: number): Promise<boolean> {
  const socket = connect({ host: '127.0.0.1', port });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

afterAll(async () => {
  const ended = once(process, 'close');
  process.kill('SIGTERM');
  await ended;
  rmSync(folder, { recursive: true });
  await world[Symbol.asyncDispose]();
});

describe.each(['V1', 'V2'] as const)('an Envoy that speaks the PROXY protocol, %s', (version) => {
  const dialled = async () => {
    // The whole block is this host's: a client with an address that is not the balancer's.
    const socket = connect({ host: '127.0.0.1', port: ports[version], localAddress: '127.0.0.9' });
    await once(socket, 'connect');
    return socket;
  };
  const lastAsked = () => world.asked.at(-1);

  test('tells the address of a plain client', async () => {
    expect((await get(await dialled())).text).toContain('hello');
    expect(lastAsked()?.get('garrison.source.proxied_ip')).toEqual(Buffer.from([127, 0, 0, 9]));
    expect(lastAsked()?.get('source.ip')).toEqual(Buffer.from([127, 0, 0, 1]));
  });

  test('tells the address of a client that proves its identity through it', async () => {
    const identity = await world.pki.identity(spiffeIdOf('caller'));
    expect((await get(await tlsSocket(0, identity, { socket: await dialled() }))).text).toContain('hello');
    expect(lastAsked()?.get('garrison.source.proxied_ip')).toEqual(Buffer.from([127, 0, 0, 9]));
    expect(lastAsked()?.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
  });
});

describe('every header of the table', () => {
  // Nobody knows the client: there Envoy takes the balancer for it, which is what the profile `strict` is strict about.
  const known = vectors.filter(({ header }) => typeof header?.source === 'string');

  test.each(known)('names the client that Envoy takes it for: $name', async (vector) => {
    const socket = connect({ host: '127.0.0.1', port: ports.reader });
    await once(socket, 'connect');
    socket.write(bytesOf(vector).subarray(0, vector.header?.length));
    const { text } = await get(socket);
    const [, met = ''] = /x-from: ([^\r]+)/.exec(text) ?? [];
    expect(new URL(`tcp://${met}`).host).toBe(new URL(`tcp://${vector.header?.source?.toLowerCase() ?? ''}`).host);
  });
});
