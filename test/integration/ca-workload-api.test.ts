import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { Metadata, status, type ServiceError } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createLocalJWKSet, jwtVerify, type JSONWebKeySet } from 'jose';
import { splitDer } from '#ca/der/split.ts';
import {
  SpiffeWorkloadAPIClient,
  type JWTSVIDResponse,
  type ValidateJWTSVIDResponse,
  type X509SVIDResponse,
} from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { fileKey } from '#runtime/peer-credentials.ts';
import { BinaryHashes } from '#services/workload/binary-hash.ts';
import { silentLogger } from '#runtime/logger.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const path = `unix:path:${process.execPath}`;
let running: RunningCa;
let client: SpiffeWorkloadAPIClient;

beforeAll(async () => {
  running = await runCa({
    policies: {
      '1.yaml': registration('first', 'first', [ownUid], '  hint: main\n  dnsNames: [first.shop.svc]\n'),
      '2.yaml': registration('second', 'second', [ownUid, path], '  hint: other\n'),
      '3.yaml': registration('nobody', 'nobody', [ownUid, 'unix:path:/bin/false']),
      '4.yaml': registration('someone', 'someone', ['unix:uid:4242']),
    },
  });
  client = grpcClient(SpiffeWorkloadAPIClient, { path: join(running.state, 'workload.sock') }, { kind: 'plaintext' });
});
afterAll(async () => {
  client.close();
  await running[Symbol.asyncDispose]();
});

function header(value = 'true'): Metadata {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', value);
  return metadata;
}

const x509Svids = (): Messages<X509SVIDResponse> => new Messages(client.fetchX509Svid({}, header()));
const ids = ({ svids }: X509SVIDResponse): string[] => svids.map(({ spiffeId }) => spiffeId.split('/').at(-1) ?? '');

describe('FetchX509SVID', () => {
  test('gives at once every identity the kernel’s word entitles to, in order, with hints', async () => {
    using messages = x509Svids();
    const first = await messages.next();
    expect(first.svids.map(({ spiffeId, hint }) => [spiffeId, hint])).toEqual([
      ['spiffe://example.org/ns/shop/sa/first', 'main'],
      ['spiffe://example.org/ns/shop/sa/second', 'other'],
    ]);
  });

  test('gives leaf and intermediate, the key that fits, and a bundle that verifies them', async () => {
    using messages = x509Svids();
    for (const svid of (await messages.next()).svids) {
      const [leaf, issuing] = splitDer(svid.x509Svid, 'svid').map((der) => new X509Certificate(der));
      const [root] = splitDer(svid.bundle, 'bundle').map((der) => new X509Certificate(der));
      expect(leaf?.checkPrivateKey(createPrivateKey({ key: svid.x509SvidKey, format: 'der', type: 'pkcs8' }))).toBe(
        true,
      );
      expect(leaf?.verify(issuing!.publicKey)).toBe(true);
      expect(issuing?.verify(root!.publicKey)).toBe(true);
      expect(leaf?.subjectAltName?.startsWith(`URI:${svid.spiffeId}`)).toBe(true);
    }
  });

  test('pushes the full state when a registration comes and when it goes', async () => {
    using messages = x509Svids();
    expect(ids(await messages.next())).toEqual(['first', 'second']);
    running.writePolicy('5.yaml', registration('third', 'third', [ownUid]));
    expect(ids(await messages.next())).toEqual(['first', 'second', 'third']);
    running.writePolicy('5.yaml', registration('third', 'third', ['unix:uid:4242']));
    expect(ids(await messages.next())).toEqual(['first', 'second']);
  });

  test('a broken document changes nothing', async () => {
    using messages = x509Svids();
    await messages.next();
    running.writePolicy('6.yaml', 'kind: Registration\nspec: [');
    running.writePolicy('7.yaml', registration('fourth', 'fourth', [ownUid]));
    await systemClock.sleep(500);
    running.writePolicy('6.yaml', registration('fifth', 'fifth', [ownUid]));
    expect(ids(await messages.next())).toEqual(['first', 'second', 'fifth', 'fourth']);
    running.writePolicy('6.yaml', '');
    running.writePolicy('7.yaml', '');
    expect(ids(await messages.next())).toEqual(['first', 'second']);
  });
});

const failure = async (metadata: Metadata): Promise<number> => {
  using messages = new Messages(client.fetchX509Svid({}, metadata));
  return await messages.next().then(
    () => status.OK,
    (error: unknown) => (error as ServiceError).code,
  );
};

test.each([new Metadata(), header('false'), header('True'), header('1')])(
  'without the security header nothing',
  async (m) => {
    expect(await failure(m)).toBe(status.INVALID_ARGUMENT);
  },
);

test('who is entitled to nothing is told PermissionDenied', async () => {
  await using other = await runCa({ policies: { 'a.yaml': registration('a', 'a', ['unix:uid:4242']) } });
  const socket = { path: join(other.state, 'workload.sock') };
  const stranger = grpcClient(SpiffeWorkloadAPIClient, socket, { kind: 'plaintext' });
  using messages = new Messages(stranger.fetchX509Svid({}, header()));
  await expect(messages.next()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  using bundles = new Messages(stranger.fetchX509Bundles({}, header()));
  await expect(bundles.next()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  stranger.close();
});

test('the hash of the program is read through the process, and only where it is asked for', async () => {
  const own = createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
  await using hashed = await runCa({
    policies: {
      '1.yaml': registration('right', 'right', [ownUid, `unix:sha256:${own}`]),
      '2.yaml': registration('wrong', 'wrong', [ownUid, `unix:sha256:${'0'.repeat(64)}`]),
    },
  });
  const socket = { path: join(hashed.state, 'workload.sock') };
  const caller = grpcClient(SpiffeWorkloadAPIClient, socket, { kind: 'plaintext' });
  using messages = new Messages(caller.fetchX509Svid({}, header()));
  expect(ids(await messages.next())).toEqual(['right']);
  caller.close();
});

test('a program is hashed only if it is the file that the kernel named when it connected', async () => {
  const hashes = new BinaryHashes();
  const binary = fileKey(statSync(process.execPath, { bigint: true }));
  const peer = { uid: 0, gid: 0, pid: process.pid };
  const own = createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
  expect(await hashes.of({ ...peer, binary })).toBe(own);
  expect(await hashes.of(peer)).toBeUndefined();
  // The pid lives, but it is another program's by now.
  expect(await hashes.of({ ...peer, binary: fileKey(statSync('/bin/sh', { bigint: true })) })).toBeUndefined();
  expect(await hashes.of({ ...peer, pid: 2 ** 22, binary: 'gone' })).toBeUndefined();
});

test('FetchX509Bundles gives the roots by trust domain', async () => {
  using messages = new Messages(client.fetchX509Bundles({}, header()));
  const { bundles } = await messages.next();
  expect([...bundles.keys()]).toEqual(['spiffe://example.org']);
  const [root] = splitDer(bundles.get('spiffe://example.org')!, 'bundle');
  expect(new X509Certificate(root!).ca).toBe(true);
});

describe('JWT-SVIDs', () => {
  const first = 'spiffe://example.org/ns/shop/sa/first';

  function jwtSvids(audience: string[], spiffeId = ''): Promise<JWTSVIDResponse> {
    return new Promise((resolve, reject) =>
      client.fetchJwtsvid({ audience, spiffeId }, header(), (error, response) =>
        error ? reject(error) : resolve(response),
      ),
    );
  }

  function validate(audience: string, svid: string): Promise<ValidateJWTSVIDResponse> {
    return new Promise((resolve, reject) =>
      client.validateJwtsvid({ audience, svid }, header(), (error, response) =>
        error ? reject(error) : resolve(response),
      ),
    );
  }

  test('come for every identity of the caller, or for the one it names', async () => {
    const { svids } = await jwtSvids(['db']);
    expect(svids.map(({ spiffeId, hint }) => [spiffeId.split('/').at(-1), hint])).toEqual([
      ['first', 'main'],
      ['second', 'other'],
    ]);
    expect((await jwtSvids(['db'], first)).svids).toHaveLength(1);
  });

  test('are verified by the JWK set of FetchJWTBundles with jose alone', async () => {
    using bundles = new Messages(client.fetchJwtBundles({}, header()));
    const jwks = (await bundles.next()).bundles.get('spiffe://example.org')!;
    const { svids } = await jwtSvids(['db'], first);
    const { keys: published } = JSON.parse(jwks.toString()) as JSONWebKeySet;
    expect(published.map(({ use }) => use)).toEqual(['jwt-svid']);
    // jose knows the uses `sig` and `enc` only.
    const keys = createLocalJWKSet({ keys: published.map((key) => ({ ...key, use: 'sig' })) });
    const { payload } = await jwtVerify(svids[0]!.svid, keys, { audience: 'db' });
    expect(payload.sub).toBe(first);
    expect(payload.exp! - payload.iat!).toBe(300);
  });

  test('validate for their audience and no other', async () => {
    const { svid } = (await jwtSvids(['db'], first)).svids[0]!;
    expect(await validate('db', svid)).toMatchObject({ spiffeId: first, claims: { sub: first, aud: 'db' } });
    await expect(validate('cache', svid)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(validate('db', `${svid}x`)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(validate('', svid)).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test('need an audience and an identity of the caller', async () => {
    await expect(jwtSvids([])).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(jwtSvids([''])).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    await expect(jwtSvids(['db'], 'nonsense')).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
    const nobody = 'spiffe://example.org/ns/shop/sa/nobody';
    await expect(jwtSvids(['db'], nobody)).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
  });
});

describe('the identity client', () => {
  const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
  const workloadApi = (): string => join(running.state, 'workload.sock');

  test('takes the first identity, or the one it names', async () => {
    await using first = await workloadIdentity({ workloadApi: workloadApi() }, options);
    expect(first.current().spiffeId.toString()).toBe('spiffe://example.org/ns/shop/sa/first');
    const spiffeId = 'spiffe://example.org/ns/shop/sa/second';
    await using second = await workloadIdentity({ workloadApi: `unix://${workloadApi()}`, spiffeId }, options);
    expect(second.current().spiffeId.toString()).toBe(spiffeId);
  });

  test('hears of rotation', async () => {
    await using short = await runCa({ policies: { 'a.yaml': registration('a', 'a', [ownUid], '  x509Ttl: 2s\n') } });
    await using source = await workloadIdentity({ workloadApi: join(short.state, 'workload.sock') }, options);
    const before = source.current();
    const after = await new Promise((resolve) => source.onChange(resolve));
    expect(after).not.toEqual(before);
    expect(source.current()).toBe(after);
  });
});
