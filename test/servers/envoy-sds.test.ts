import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { callingEnvoy, servingEnvoy } from '#test/fakes/envoy-config.ts';
import { Envoy, programIn } from '#test/fakes/envoy.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gev-'));
const id = (name: string): string => `spiffe://example.org/ns/shop/sa/${name}`;
let running: RunningCa;
let server: Envoy;
let client: Envoy;
let admin: IdentityAdminClient;

/** Each Envoy is told from the other by its program alone, and its certificate is good for four seconds. */
function registered(name: string): string {
  return registration(name, name, [ownUid, `unix:path:${programIn(join(folder, name))}`], '  x509Ttl: 4s\n');
}

beforeAll(async () => {
  running = await runCa({ policies: { '1.yaml': registered('server'), '2.yaml': registered('client') } });
  admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  const socket = join(running.state, 'workload.sock');
  server = await Envoy.start(
    join(folder, 'server'),
    servingEnvoy(socket, { api: 'GRPC', certificate: 'default', validation: 'ROOTCA', peer: id('client') }),
  );
  const port = await server.port('in');
  const common = { api: 'DELTA_GRPC', certificate: id('client'), port } as const;
  client = await Envoy.start(
    join(folder, 'client'),
    callingEnvoy(socket, {
      right: { ...common, validation: 'ALL', peer: id('server') },
      plain: { ...common, api: 'GRPC', validation: 'spiffe://example.org', peer: id('server') },
      wrong: { ...common, validation: 'ALL', peer: id('client') },
    }),
  );
}, 60_000);

afterAll(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  admin.close();
  await running[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

/** Other people's programs tell of their state when asked, not when it changes. */
async function until<T>(read: () => Promise<T>, holds: (found: T) => boolean): Promise<T> {
  for (;;) {
    const found = await read();
    if (holds(found)) return found;
    await systemClock.sleep(50);
  }
}

async function get(listener: string): Promise<{ status: number; text: string }> {
  const answer = await fetch(`http://127.0.0.1:${await client.port(listener)}/`);
  return { status: answer.status, text: await answer.text() };
}

/** Serials of the leaf and of the roots that an Envoy uses now. */
async function inUse(envoy: Envoy): Promise<{ leaf: string; roots: string[] }> {
  type Shown = { serial_number: string }[] | undefined;
  const { certificates } = JSON.parse(await envoy.ask('/certs')) as {
    certificates: { ca_cert: Shown; cert_chain: Shown }[];
  };
  const serials = (of: 'ca_cert' | 'cert_chain'): string[] => [
    ...new Set(certificates.flatMap((one) => (one[of] ?? []).map((shown) => shown.serial_number))),
  ];
  return { leaf: serials('cert_chain')[0] ?? '', roots: serials('ca_cert') };
}

test('two Envoys make mutual TLS with identities from SDS, and refuse whoever is somebody else', async () => {
  expect(await get('right')).toEqual({ status: 200, text: 'hello' });
  expect(await get('plain')).toEqual({ status: 200, text: 'hello' });
  expect(await get('wrong')).toMatchObject({ status: 503 });
  const { 'cluster.wrong.ssl.fail_verify_san': refused } = await client.stats('fail_verify_san');
  expect(refused).toBeGreaterThan(0);
}, 20_000);

test('certificates and the root are replaced under load, and no handshake fails', async () => {
  const change = (step: string, authority = ''): Promise<Authority> =>
    callUnary(admin.changeAuthority.bind(admin), { step, id: authority });
  const failed =
    'ssl.(fail_verify|connection_error|handshake_error)|upstream_cx_connect_fail|update_rejected|rotation_failed';
  const before = { ...(await client.stats(failed)), ...(await server.stats(failed)) };
  const stop = new AbortController();
  const answers: number[] = [];
  const load = ['right', 'plain'].map(async (listener) => {
    const address = `http://127.0.0.1:${await client.port(listener)}/`;
    while (!stop.signal.aborted) answers.push((await fetch(address)).status);
  });
  const both = [server, client];
  const old = await Promise.all(both.map(inUse));

  // Certificates end after four seconds and are renewed at half of that.
  await until(
    () => Promise.all(both.map(inUse)),
    (now) => now.every(({ leaf }, at) => leaf !== old[at]?.leaf),
  );

  const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
  const next = await change('prepare');
  await until(
    () => Promise.all(both.map(inUse)),
    (now) => now.every(({ roots }) => roots.length === 2),
  );
  await change('activate', next.id);
  const signed = await Promise.all(both.map(inUse));
  await change('taint', authorities[0]?.id);
  await until(
    () => Promise.all(both.map(inUse)),
    (now) => now.every(({ leaf }, at) => leaf !== signed[at]?.leaf),
  );
  await change('revoke', authorities[0]?.id);
  const end = await until(
    () => Promise.all(both.map(inUse)),
    (now) => now.every(({ roots }) => roots.length === 1),
  );
  await until(
    () => Promise.all(both.map(inUse)),
    (now) => now.every(({ leaf }, at) => leaf !== end[at]?.leaf),
  );
  stop.abort();
  await Promise.all(load);

  for (const { roots } of end) expect(roots).not.toEqual(old[0]?.roots);
  expect(answers.length).toBeGreaterThan(100);
  expect(answers.filter((status) => status !== 200)).toEqual([]);
  expect({ ...(await client.stats(failed)), ...(await server.stats(failed)) }).toEqual(before);
  const { 'listener.127.0.0.1_0.ssl.handshake': made } = await server.stats('ssl.handshake');
  expect(made).toBeGreaterThanOrEqual(answers.length);
}, 60_000);
