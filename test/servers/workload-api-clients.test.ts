import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatAddress, isUnix, type Address } from '#runtime/address.ts';
import { buildGoSpiffe } from '#test/fakes/build-go-spiffe.ts';
import { testWith } from '#test/fakes/installed.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { peersPython } from '#test/fakes/python-peers.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

// Clients of others that find the endpoint where SPIFFE says, over the socket and over loopback TCP.
const folder = mkdtempSync(join(tmpdir(), 'gwc-'));
const goProgram = join(folder, 'go-spiffe');
const interop = join(import.meta.dirname, '../interop');
const proto = join(import.meta.dirname, '../../proto');
const web = 'spiffe://example.org/ns/shop/sa/web';
const py = 'spiffe://example.org/ns/shop/sa/py';
let running: RunningCa;

beforeAll(async () => {
  buildGoSpiffe(goProgram);
  running = await runCa({
    settings: { workloadApiTcp: { host: '127.0.0.1', port: 0 }, bundleEndpoint: undefined },
    policies: {
      '1.yaml': registration('web', 'web', [ownUid, 'unix:path:' + goProgram], '  x509Ttl: 4s\n'),
      '2.yaml': registration('py', 'py', [ownUid, 'unix:gid:' + String(process.getgid?.() ?? 0)], '  x509Ttl: 4s\n'),
    },
  });
}, 300_000);
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** `unix:///PATH` or `tcp://IP:PORT`. */
function endpoint(name: 'workloadApi' | 'workloadApiTcp'): string {
  const address: Address = running.ca.addresses[name]!;
  return isUnix(address) ? formatAddress(address) : `tcp://${formatAddress(address)}`;
}

async function run(program: string, args: readonly string[], env: Record<string, string>): Promise<unknown> {
  const options = { timeout: 60_000, env: { ...process.env, NODE_OPTIONS: '', ...env } };
  const { stdout } = await promisify(execFile)(program, args, options);
  return JSON.parse(stdout);
}

describe.each(['workloadApi', 'workloadApiTcp'] as const)('by SPIFFE_ENDPOINT_SOCKET, at ca.%s,', (name) => {
  test('go-spiffe gets what its program is entitled to', async () => {
    const seen = await run(goProgram, ['', ''], { SPIFFE_ENDPOINT_SOCKET: endpoint(name) });
    expect(seen).toMatchObject({ ids: [web, py], peer: web, jwt: web, refused: true, rotated: true });
  }, 60_000);

  testWith('grpcurl')('grpcurl, given the contract, reads the first message', async () => {
    const [call, header] = ['SpiffeWorkloadAPI/FetchX509SVID', 'workload.spiffe.io: true'];
    const where = name === 'workloadApi' ? endpoint(name) : endpoint(name).replace('tcp://', '');
    const contract = ['-plaintext', '-import-path', proto, '-proto', 'spiffe/workload/workload.proto'];
    // A stream that never ends by itself: the deadline ends it, and is no fault.
    const args = [...contract, '-max-time', '1', '-H', header, where, call];
    const said = await promisify(execFile)('grpcurl', args).catch((error: unknown) => error as { stdout: string });
    expect(said.stdout).toContain(`"spiffeId": "${py}"`);
  });
});

// Over TCP it does not work: it looks for the file of a socket, whatever the address.
test('py-spiffe gets what its user is entitled to, and sees it rotate', async () => {
  const program = join(interop, 'py-spiffe/main.py');
  const seen = await run(peersPython(), [program], { SPIFFE_ENDPOINT_SOCKET: endpoint('workloadApi') });
  const domain = { domain: 'example.org', roots: 1, keys: 1 };
  expect(seen).toEqual({ ids: [py], ...domain, token: [py, py, py], rotated: true });
}, 60_000);
