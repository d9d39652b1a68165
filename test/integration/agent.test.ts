import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { decodeJwt } from 'jose';
import { writeRequest } from '#ca/csr/write-request.ts';
import { splitDer } from '#ca/der/split.ts';
import { Secret } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import { SecretDiscoveryServiceClient } from '#proto/gen/envoy/service/secret/v3/sds.ts';
import { IdentityAdminClient, type Authority, type CertificateRecord } from '#proto/gen/garrison/v1/identity.ts';
import { NodeClient, type EntryRequest, type SignX509Response } from '#proto/gen/garrison/v1/node-entries.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import type { Address } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { LastNews } from '#services/agent/following/last-news.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent, type RunningAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const shop = (name: string): string => `spiffe://example.org/ns/shop/sa/${name}`;
const header = new Metadata();
header.set('workload.spiffe.io', 'true');

let running: RunningCa;
let admin: IdentityAdminClient;
let node: RunningAgent;
let client: SpiffeWorkloadAPIClient;

beforeAll(async () => {
  running = await runCa({
    policies: {
      'nodes.yaml': nodeRegistration('east', [shop('first'), shop('second'), 'spiffe://example.org/ns/east/*']),
      'west.yaml': nodeRegistration('west', [shop('first')]),
      'far.yaml': nodeRegistration('far', [shop('first')]),
      'north.yaml': nodeRegistration('north', [shop('first')]),
      'south.yaml': nodeRegistration('south', ['spiffe://example.org/*']),
      'own.yaml': registration('own', 'x', [ownUid]).replace(
        'serviceAccount: x',
        'spiffeId: spiffe://example.org/garrison/authz',
      ),
      '1.yaml': registration('first', 'first', [ownUid], '  hint: main\n'),
      '2.yaml': registration('second', 'second', ['unix:uid:4242']),
      '3.yaml': registration('foreign', 'foreign', [ownUid]),
    },
  });
  admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
  node = await runAgent({ ca: running.ca.addresses.ca, token: await tokenFor('east') });
  client = grpcClient(SpiffeWorkloadAPIClient, { path: node.socket }, { kind: 'plaintext' });
});
afterAll(async () => {
  client.close();
  await node[Symbol.asyncDispose]();
  admin.close();
  await running[Symbol.asyncDispose]();
});

const tokenFor = (name: string): Promise<string> => joinToken(running, { name });

async function recordsOf(spiffeId: string): Promise<readonly CertificateRecord[]> {
  const filter = { spiffeId, caller: '', state: '', from: undefined, to: undefined, before: 0n, limit: 0 };
  return (await callUnary(admin.listCertificates.bind(admin), filter)).certificates;
}

const change = (step: string, id = ''): Promise<Authority> =>
  callUnary(admin.changeAuthority.bind(admin), { step, id });
const svids = (): Messages<X509SVIDResponse> => new Messages(client.fetchX509Svid({}, header));
const ids = (message: X509SVIDResponse): string[] => message.svids.map(({ spiffeId }) => spiffeId);
const leafOf = ({ svids: [svid] }: X509SVIDResponse): X509Certificate =>
  new X509Certificate(splitDer(svid?.x509Svid ?? Buffer.alloc(0), 'svid')[0] ?? '');
const rootsOf = ({ svids: [svid] }: X509SVIDResponse): string[] =>
  splitDer(svid?.bundle ?? Buffer.alloc(0), 'bundle').map((der) => new X509Certificate(der).subject);

async function sign(identity: IdentitySource, entries: readonly string[]): Promise<SignX509Response> {
  const csr = Buffer.from(await writeRequest(newSigner()));
  return signAll(
    identity,
    entries.map((entry) => ({ entry, csr })),
  );
}

async function signAll(identity: IdentitySource, requests: readonly EntryRequest[]): Promise<SignX509Response> {
  const security = { kind: 'tls', identity, expect: isAuthority } as const;
  const stub = grpcClient(NodeClient, running.ca.addresses.ca, security);
  try {
    return await callUnary(stub.signX509.bind(stub), { requests });
  } finally {
    stub.close();
  }
}

describe('what a node may ask for', () => {
  test('is looked up for each entry: what is not its own is refused, not signed, and no word is said of whether it exists', async () => {
    const { identity } = node.agent.core;
    const { results } = await sign(identity, ['shop/first', 'shop/foreign', 'shop/nothing', 'nodes/east']);
    expect(results.map(({ outcome }) => outcome?.$case)).toEqual(['signed', 'refusal', 'refusal', 'refusal']);
    const refusals = results.flatMap(({ outcome }) => (outcome?.$case === 'refusal' ? [outcome.value] : []));
    expect(refusals.map(({ code }) => code)).toEqual([7, 7, 7]);
    expect(refusals[0]?.message.replace('foreign', 'nothing')).toBe(refusals[1]?.message);
    expect(await recordsOf(shop('foreign'))).toEqual([]);
  });

  test('is signed request by request: a broken one costs itself, and too many are refused as a whole', async () => {
    const good = Buffer.from(await writeRequest(newSigner()));
    const bent = Buffer.from(good);
    bent.writeUInt8(bent.readUInt8(bent.length - 1) ^ 1, bent.length - 1);
    const csrs = [
      Buffer.alloc(0),
      Buffer.from('rubbish'),
      bent,
      good.subarray(0, -1),
      Buffer.alloc(100_000, 0x30),
      good,
    ];
    const { results } = await signAll(
      node.agent.core.identity,
      csrs.map((csr) => ({ entry: 'shop/first', csr })),
    );
    const codes = results.map(({ outcome }) => (outcome?.$case === 'refusal' ? outcome.value.code : 0));
    expect(codes).toEqual([3, 3, 3, 3, 3, 0]);
    const many = Array.from({ length: 501 }, () => ({ entry: 'shop/first', csr: good }));
    await expect(signAll(node.agent.core.identity, many)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
    expect((await signAll(node.agent.core.identity, [])).results).toEqual([]);
  });

  test('is told to nobody who is not a node', async () => {
    const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
    await using workload = await workloadIdentity({ workloadApi: node.socket }, options);
    await expect(sign(workload, ['shop/first'])).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const bundle = node.agent.core.identity.current().bundle;
    const stub = grpcClient(NodeClient, running.ca.addresses.ca, { kind: 'tls', bundle, expect: isAuthority });
    const stream = new Messages(stub.watchEntries({}));
    await expect(stream.next()).rejects.toMatchObject({ code: status.UNAUTHENTICATED });
    await expect(callUnary(stub.signX509.bind(stub), { requests: [] })).rejects.toMatchObject({
      code: 'UNAUTHENTICATED',
    });
    stub.close();
  });

  test('ends with its registration, in the middle of a stream', async () => {
    await using west = await runAgent({ ca: running.ca.addresses.ca, token: await tokenFor('west') });
    const stub = grpcClient(SpiffeWorkloadAPIClient, { path: west.socket }, { kind: 'plaintext' });
    const messages = new Messages(stub.fetchX509Svid({}, header));
    expect(ids(await messages.next())).toEqual([shop('first')]);
    running.writePolicy('west.yaml', '');
    await expect(messages.until(() => false)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    expect(west.agent.core.registrations.current).toEqual([]);
    // Nor does a restart bring it back.
    const kept = new LastNews(StateFolder.open(join(west.folder, 'state')), silentLogger).load();
    expect([kept?.trust?.trustDomain, kept?.entries?.entries]).toEqual(['example.org', []]);
    stub.close();
  });
});

describe('an agent', () => {
  test('gives a workload what it is entitled to on this node, on the record as asked by the node', async () => {
    using messages = svids();
    const message = await messages.next();
    expect(ids(message)).toEqual([shop('first')]);
    expect(message.svids[0]?.hint).toBe('main');
    const serial = leafOf(message).serialNumber.toLowerCase().padStart(40, '0');
    const record = (await recordsOf(shop('first'))).find((one) => one.serial === serial);
    expect(record).toMatchObject({
      caller: 'node:spiffe://example.org/nodes/east',
      grant: 'registration:shop/first',
      state: 'issued',
    });
  });

  test('hears of a new registration, and of its end', async () => {
    using messages = svids();
    await messages.next();
    const document = registration('api', 'api', [ownUid]).replace('namespace: shop', 'namespace: east');
    running.writePolicy('east.yaml', document);
    const api = 'spiffe://example.org/ns/east/sa/api';
    expect(ids(await messages.until((one) => one.svids.length === 2))).toEqual([shop('first'), api].sort().reverse());
    running.writePolicy('east.yaml', '');
    expect(ids(await messages.until((one) => one.svids.length === 1))).toEqual([shop('first')]);
  });

  test('replaces what a tainted authority signed, and forgets a revoked root, under an open stream', async () => {
    using messages = svids();
    const before = await messages.next();
    const [old] = rootsOf(before);
    const next = await change('prepare');
    expect(rootsOf(await messages.until((one) => rootsOf(one).length === 2))).toContain(old);
    await change('activate', next.id);
    const { authorities } = await callUnary(admin.listAuthorities.bind(admin), {});
    const spent = authorities.find(({ state }) => state === 'old')?.id ?? '';
    await change('taint', spent);
    const serial = leafOf(before).serialNumber;
    const renewed = await messages.until((one) => leafOf(one).serialNumber !== serial);
    expect(leafOf(renewed).issuer).not.toBe(leafOf(before).issuer);
    await change('revoke', spent);
    const last = await messages.until((one) => rootsOf(one).length === 1);
    expect(rootsOf(last)).not.toContain(old);
    // The node stands on the new root by then, too.
    const own = node.agent.core.identity;
    if (own.current().bundle.length > 1) await new Promise((resolve) => own.onChange(resolve));
    expect((await sign(own, ['shop/first'])).results[0]?.outcome?.$case).toBe('signed');
  });

  test('serves Envoy’s secrets, and all of it over loopback too', async () => {
    await using north = await runAgent({
      ca: running.ca.addresses.ca,
      token: await tokenFor('north'),
      more: 'workloadApiTcp: 127.0.0.1:0\n',
    });
    const secrets = async (address: Address): Promise<string[]> => {
      const stub = grpcClient(SecretDiscoveryServiceClient, address, { kind: 'plaintext' });
      const request = {
        versionInfo: '',
        resourceNames: ['default', 'ROOTCA', shop('first')],
        typeUrl: secretType,
        responseNonce: '',
        errorDetail: undefined,
      };
      try {
        const { resources } = await callUnary(stub.fetchSecrets.bind(stub), request);
        return resources.map(({ value }) => Secret.decode(value).name);
      } finally {
        stub.close();
      }
    };
    const names = [shop('first'), 'ROOTCA', 'default'];
    expect((await secrets({ path: north.socket })).sort()).toEqual(names.sort());
    const tcp = north.agent.addresses.workloadApiTcp;
    if (tcp === undefined) throw new Error('not served');
    expect((await secrets(tcp)).sort()).toEqual(names.sort());
  });

  test('hands a token out until half of its life is over, each for its audience', async () => {
    const ask = async (...audience: string[]): Promise<string> => {
      const options = { metadata: { 'workload.spiffe.io': 'true' } };
      const answer = await callUnary(client.fetchJwtsvid.bind(client), { audience, spiffeId: '' }, options);
      return answer.svids[0]?.svid ?? '';
    };
    const [one, again, other] = [await ask('a'), await ask('a'), await ask('b')];
    expect(again).toBe(one);
    expect(other).not.toBe(one);
    expect(decodeJwt(one)).toMatchObject({ sub: shop('first'), aud: 'a' });
    const validated = await callUnary(
      client.validateJwtsvid.bind(client),
      { audience: 'a', svid: one },
      { metadata: { 'workload.spiffe.io': 'true' } },
    );
    expect(validated.spiffeId).toBe(shop('first'));
  });

  test('whose certificate is revoked serves what it has, and joins again with a new token', async () => {
    await using south = await runAgent({ ca: running.ca.addresses.ca, token: await tokenFor('south') });
    const { core, admin: page } = south.agent;
    const stub = grpcClient(SpiffeWorkloadAPIClient, { path: south.socket }, { kind: 'plaintext' });
    using messages = new Messages(stub.fetchX509Svid({}, header));
    const before = await messages.next();
    // A wildcard names workloads, never the mesh's own servers.
    expect(ids(before)).not.toContain('spiffe://example.org/garrison/authz');
    expect((await sign(core.identity, ['shop/own', 'shop/first'])).results[0]?.outcome?.$case).toBe('refusal');
    const spiffeId = core.identity.current().spiffeId.toString();
    const revoked = new Promise<void>((resolve) => {
      const stop = core.authority.onChange(() => {
        if (core.identity.refused === undefined) return;
        stop();
        resolve();
      });
    });
    await callUnary(admin.revokeCertificate.bind(admin), { serial: '', spiffeId, reason: 'a test' });
    await revoked;
    expect(page.readiness.missing.join()).toContain('node identity');
    using second = new Messages(stub.fetchX509Svid({}, header));
    expect(leafOf(await second.next()).serialNumber).toBe(leafOf(before).serialNumber);

    const joined = new Promise((resolve) => core.identity.onChange(resolve));
    south.writeToken(await tokenFor('south'));
    await joined;
    running.writePolicy('late.yaml', registration('late', 'late', [ownUid]));
    expect(ids(await messages.until((one) => one.svids.length === before.svids.length + 1))).toContain(shop('late'));
    expect(page.readiness.missing).toEqual([]);
    running.writePolicy('late.yaml', '');
    stub.close();
  });
});

test('an agent whose certificate was revoked while it was away finds that out, and serves on until it can join', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gag-'));
  const ca = running.ca.addresses.ca;
  let spiffeId: string;
  {
    await using first = await runAgent({ ca, token: await tokenFor('far'), folder });
    spiffeId = first.agent.core.identity.current().spiffeId.toString();
  }
  await callUnary(admin.revokeCertificate.bind(admin), { serial: '', spiffeId, reason: 'a test' });
  {
    await using second = await runAgent({ ca, folder, early: true });
    const { core, admin: page } = second.agent;
    if (core.identity.refused === undefined) {
      await new Promise<void>((resolve) => {
        core.authority.onChange(() => core.identity.refused !== undefined && resolve());
      });
    }
    expect(core.identity.refused).toContain('revoked');
    const stub = grpcClient(SpiffeWorkloadAPIClient, { path: second.socket }, { kind: 'plaintext' });
    using bundles = new Messages(stub.fetchX509Bundles({}, header));
    expect([...(await bundles.next()).bundles.keys()]).toEqual(['spiffe://example.org']);
    using messages = new Messages(stub.fetchX509Svid({}, header));
    await expect(messages.next()).rejects.toMatchObject({ code: status.UNAVAILABLE });
    second.writeToken(await tokenFor('far'));
    await page.readiness.ready();
    using again = new Messages(stub.fetchX509Svid({}, header));
    expect(ids(await again.next())).toEqual([shop('first')]);
    stub.close();
  }
  rmSync(folder, { recursive: true });
});

test('the security header is asked for here as at the authority', async () => {
  const stream = new Messages(client.fetchX509Svid({}));
  const code = await stream.next().then(
    () => status.OK,
    (error: unknown) => (error as ServiceError).code,
  );
  expect(code).toBe(status.INVALID_ARGUMENT);
});
