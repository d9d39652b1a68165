import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { readBundle } from '#ca/bundle/read-bundle.ts';
import { splitDer } from '#ca/der/split.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import {
  SpiffeWorkloadAPIClient,
  type JWTBundlesResponse,
  type JWTSVIDResponse,
  type ValidateJWTSVIDResponse,
  type X509BundlesResponse,
  type X509SVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { Command, run, type Ended } from '#test/fakes/command.ts';
import { freePort } from '#test/fakes/free-port.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { webCertificate } from '#test/fakes/web-certificate.ts';

/** Two authorities, each a process of its own: one proves itself by its SVID, one by a certificate for its name. */
const folder = mkdtempSync(join(tmpdir(), 'gfe-'));
const a = join(folder, 'a');
const b = join(folder, 'b');
const processes: Command[] = [];
const clients: SpiffeWorkloadAPIClient[] = [];
/** Many commands, each a process. */
const patienceMs = 120_000;
let admin: IdentityAdminClient;
let readyOfB: string;
let ports: { a: number; b: number };

async function config(place: string, name: string, rest: string): Promise<void> {
  mkdirSync(join(place, 'policies'), { recursive: true });
  const ca = `  listen: 127.0.0.1:${await freePort()}\n  admin: 127.0.0.1:0\n${rest}`;
  writeFileSync(join(place, 'garrison.yaml'), `trustDomain: ${name}\nstate: ./s\npolicies: [ ./policies ]\nca:\n${ca}`);
}

async function start(place: string): Promise<Command> {
  const command = new Command(['ca', '--output', 'json'], { cwd: place });
  processes.push(command);
  const ready = await command.line();
  if (place === b) readyOfB = ready;
  return command;
}

beforeAll(async () => {
  mkdirSync(a);
  mkdirSync(b);
  ports = { a: await freePort(), b: await freePort() };
  const web = webCertificate(b);
  const authority = join(a, 'web-authority.pem');
  writeFileSync(authority, web.authority);
  await config(
    a,
    'a.test',
    `  bundleEndpoint: { listen: "127.0.0.1:${ports.a}", refreshHint: 1s }
  federation:
    - { trustDomain: b.test, url: "https://localhost:${ports.b}/", profile: https_web, authorities: ${authority} }\n`,
  );
  await config(
    b,
    'b.test',
    `  bundleEndpoint: { listen: "127.0.0.1:${ports.b}", profile: https_web, certificate: ${web.certificate}, key: ${web.key} }
  federation:
    - { trustDomain: a.test, url: "https://127.0.0.1:${ports.a}", profile: https_spiffe, endpointSpiffeId: spiffe://a.test/garrison/ca }\n`,
  );
  const federates = (name: string): string => `  federatesWith: [ ${name} ]\n`;
  writeFileSync(join(a, 'policies/1.yaml'), registration('one', 'one', [ownUid], federates('b.test')));
  writeFileSync(join(b, 'policies/1.yaml'), registration('one', 'one', [ownUid], federates('a.test')));
  await Promise.all([start(a), start(b)]);
  admin = grpcClient(IdentityAdminClient, { path: join(a, 's', adminSocket) }, { kind: 'plaintext' });
  for (const place of [a, b]) {
    clients.push(grpcClient(SpiffeWorkloadAPIClient, { path: join(place, 's/workload.sock') }, { kind: 'plaintext' }));
  }
}, patienceMs);
afterAll(async () => {
  for (const client of [admin, ...clients]) client.close();
  for (const command of processes) await command[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const calls = { 'workload.spiffe.io': 'true' };
const header = new Metadata();
header.set('workload.spiffe.io', 'true');

async function garrison(cwd: string, ...args: readonly string[]): Promise<Ended & { json: Record<string, unknown>[] }> {
  const ended = await run([...args, '--output', 'json'], cwd);
  const lines = ended.stdout
    .trim()
    .split('\n')
    .filter((line) => line !== '');
  return { ...ended, json: lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

/** The first message of a stream that meets a condition. */
async function until<T>(stream: ClientReadableStream<T>, holds: (message: T) => boolean): Promise<T> {
  try {
    for await (const message of stream) if (holds(message as T)) return message as T;
    throw new Error('the stream ended');
  } finally {
    stream.on('error', () => undefined);
    stream.cancel();
  }
}

const rootsIn = (bundle: Uint8Array | undefined): number =>
  bundle === undefined || bundle.length === 0 ? 0 : splitDer(bundle, 'bundle').length;

const jwtOf = async (client: SpiffeWorkloadAPIClient): Promise<string> => {
  const call = client.fetchJwtsvid.bind(client);
  const answer: JWTSVIDResponse = await callUnary(call, { audience: ['db'], spiffeId: '' }, { metadata: calls });
  return answer.svids[0]?.svid ?? '';
};
const validated = (client: SpiffeWorkloadAPIClient, svid: string): Promise<ValidateJWTSVIDResponse> =>
  callUnary(client.validateJwtsvid.bind(client), { audience: 'db', svid }, { metadata: calls });

test(
  'two authorities learn each other’s bundles, and what one rotates the other’s workloads see',
  async () => {
    const [ofA, ofB] = clients as [SpiffeWorkloadAPIClient, SpiffeWorkloadAPIClient];
    // By a certificate for its name: nothing more is needed to begin with.
    const first = await until<X509SVIDResponse>(ofA.fetchX509Svid({}, header), ({ federatedBundles }) =>
      federatedBundles.has('spiffe://b.test'),
    );
    expect(first.federatedBundles.size).toBe(1);
    expect(first.federatedBundles.get('spiffe://b.test')).not.toEqual(first.svids[0]?.bundle);

    // By an SVID: somebody must say once which roots that stands on.
    const [waiting] = (await garrison(b, 'identity', 'bundle', 'list')).json;
    expect(waiting).toMatchObject({ trustDomain: 'a.test', known: false, profile: 'https_spiffe' });
    expect(waiting?.['failure']).toMatch(/no root to verify/);
    expect((await garrison(b, 'identity', 'bundle', 'show', '--trust-domain', 'a.test')).code).toBe(1);
    const shown = await run(['identity', 'bundle', 'show', '--format', 'spiffe'], a);
    writeFileSync(join(folder, 'a.json'), shown.stdout);
    const set = await garrison(b, 'identity', 'bundle', 'set', 'a.test', join(folder, 'a.json'));
    expect(set.json[0]).toMatchObject({ known: true, from: 'operator', sequence: '1', roots: 1 });
    expect((await garrison(b, 'identity', 'bundle', 'refresh', 'a.test')).json[0]).toMatchObject({ failure: null });

    // JWT-SVIDs of the one are believed by workloads of the other.
    const tokenOfA = await jwtOf(ofA);
    expect((await validated(ofB, tokenOfA)).spiffeId).toBe('spiffe://a.test/ns/shop/sa/one');
    expect((await validated(ofA, await jwtOf(ofB))).spiffeId).toBe('spiffe://b.test/ns/shop/sa/one');
    const jwtBundles = await until<JWTBundlesResponse>(ofB.fetchJwtBundles({}, header), () => true);
    expect([...jwtBundles.bundles.keys()]).toEqual(['spiffe://b.test', 'spiffe://a.test']);

    // Another root over there, known here before it signs.
    const authority = async (...args: readonly string[]): Promise<string> =>
      ((await garrison(a, 'identity', ...args)).json[0] ?? {})['authority'] as string;
    const rootsOfA = (count: number): Promise<X509BundlesResponse> =>
      until<X509BundlesResponse>(
        ofB.fetchX509Bundles({}, header),
        ({ bundles }) => rootsIn(bundles.get('spiffe://a.test')) === count,
      );
    await authority('rotate', '--prepare');
    expect(rootsIn((await rootsOfA(2)).bundles.get('spiffe://b.test'))).toBe(1);
    expect((await validated(ofB, tokenOfA)).spiffeId).toBe('spiffe://a.test/ns/shop/sa/one');
    await authority('rotate');
    const before = readBundle(shown.stdout).jwtKeys[0]?.kid;
    const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
    const old = authorities.find(({ state }) => state === 'old')?.id ?? '';
    await authority('taint', old);
    await authority('revoke', '--authority', old);
    const last = await rootsOfA(1);
    expect(last.bundles.get('spiffe://a.test')).not.toEqual(Buffer.concat(readBundle(shown.stdout).roots));

    // What the revoked key signed is worth nothing, there and here; what the new one signs is believed.
    for (const client of [ofA, ofB]) {
      await expect(validated(client, tokenOfA)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    }
    const renewed = await jwtOf(ofA);
    expect(JSON.parse(Buffer.from(renewed.split('.')[0] ?? '', 'base64url').toString())).not.toMatchObject({
      kid: before,
    });
    expect((await validated(ofB, renewed)).spiffeId).toBe('spiffe://a.test/ns/shop/sa/one');

    // The endpoint stands on the new root by now: the newest bundle is what it is verified with.
    const asked = (await garrison(b, 'identity', 'bundle', 'refresh', 'a.test')).json[0];
    expect(asked).toMatchObject({ failure: null, roots: 1, from: 'endpoint' });
    expect(Number(asked?.['sequence'])).toBeGreaterThan(3);

    // An older document is a way back to keys that were revoked: the endpoint may not, the operator may.
    const again = await garrison(b, 'identity', 'bundle', 'set', 'a.test', join(folder, 'a.json'));
    expect(again.json[0]).toMatchObject({ sequence: '1' });
  },
  patienceMs,
);

test(
  'an authority that is away takes nothing away, not even over a restart of the other',
  async () => {
    await garrison(b, 'identity', 'bundle', 'refresh', 'a.test');
    const [ofA, ofB] = processes as [Command, Command];
    await ofA.end();
    const failed = await garrison(b, 'identity', 'bundle', 'refresh', 'a.test');
    expect(failed.code).toBe(2);
    const { addresses } = JSON.parse(readyOfB) as { addresses: { caAdmin: string } };
    const metrics = await (await fetch(`http://${addresses.caAdmin}/metrics`)).text();
    expect(metrics).toMatch(/^garrison_ca_federation_age_seconds\{trust_domain="a.test"\} \d+$/m);
    expect(metrics).toMatch(/^garrison_ca_federation_fetches_total\{trust_domain="a.test",outcome="failed"\} [1-9]/m);
    await ofB.end();
    await start(b);
    const [known] = (await garrison(b, 'identity', 'bundle', 'list')).json;
    expect(known).toMatchObject({ trustDomain: 'a.test', known: true, roots: 1 });
    await start(a);
  },
  patienceMs,
);

test(
  'a trust domain that nobody configured is told as that',
  async () => {
    const unknown = await garrison(b, 'identity', 'bundle', 'refresh', 'c.test');
    expect(unknown.code).toBe(2);
    expect(unknown.stderr).toMatch(/does not federate with `c\.test`/);
  },
  patienceMs,
);
