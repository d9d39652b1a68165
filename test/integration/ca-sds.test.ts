import { X509Certificate, createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import { status, type ClientDuplexStream } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { Secret } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import { SecretDiscoveryServiceClient } from '#proto/gen/envoy/service/secret/v3/sds.ts';
import type { Any } from '#proto/gen/google/protobuf/any.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const web = 'spiffe://example.org/ns/shop/sa/web';
let running: RunningCa;
let client: SecretDiscoveryServiceClient;
const streams: { cancel(): void }[] = [];

beforeAll(async () => {
  running = await runCa({ policies: { '1.yaml': registration('web', 'web', [ownUid]) } });
  client = connect(running);
});
afterEach(() => {
  for (const stream of streams.splice(0)) stream.cancel();
});
afterAll(async () => {
  client.close();
  await running[Symbol.asyncDispose]();
});

function connect({ state }: RunningCa): SecretDiscoveryServiceClient {
  return grpcClient(SecretDiscoveryServiceClient, { path: join(state, 'workload.sock') }, { kind: 'plaintext' });
}

const request = (resourceNames: string[], more: Partial<DiscoveryRequest> = {}): DiscoveryRequest => ({
  versionInfo: '',
  resourceNames,
  typeUrl: secretType,
  responseNonce: '',
  errorDetail: undefined,
  ...more,
});

/** Both ends of a stream: what is written, and the answers one at a time. */
function talk<Req, Res>(stream: ClientDuplexStream<Req, Res>): { say(request: Req): void; next(): Promise<Res> } {
  stream.on('error', () => undefined);
  streams.push(stream);
  const answers = stream[Symbol.asyncIterator]() as AsyncIterator<Res>;
  return {
    say: (one) => void stream.write(one),
    next: async () => {
      const result = await answers.next();
      if (result.done === true) throw new Error('the stream ended');
      return result.value;
    },
  };
}

const names = (resources: readonly (Any | undefined)[]): string[] =>
  resources.map((one) => Secret.decode(one!.value).name);

function leafOf({ resources }: DiscoveryResponse): X509Certificate {
  const { type } = Secret.decode(resources[0]!.value);
  if (type?.$case !== 'tlsCertificate') throw new Error('no certificate');
  const bytes = ({ specifier }: { specifier?: unknown } = {}): string =>
    String((specifier as { value: Buffer } | undefined)?.value);
  const leaf = new X509Certificate(bytes(type.value.certificateChain));
  expect(leaf.checkPrivateKey(createPrivateKey(bytes(type.value.privateKey)))).toBe(true);
  return leaf;
}

const fetch = (names: string[], from = client): Promise<DiscoveryResponse> =>
  callUnary(from.fetchSecrets.bind(from), request(names));

describe('FetchSecrets', () => {
  test('gives what is named, with the key that fits', async () => {
    const response = await fetch(['default', 'ROOTCA', web, 'spiffe://example.org', 'ALL']);
    expect(names(response.resources)).toEqual(['default', 'ROOTCA', web, 'spiffe://example.org', 'ALL']);
    expect(response.typeUrl).toBe(secretType);
    expect(leafOf(response).subjectAltName).toBe(`URI:${web}`);
  });

  test('gives everything to who names nothing', async () => {
    expect(names((await fetch([])).resources)).toEqual(['ALL', 'spiffe://example.org', web]);
  });

  test('refuses what the caller is not entitled to, and other kinds of resources', async () => {
    await expect(fetch(['default', 'spiffe://example.org/ns/shop/sa/other'])).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
      message: expect.stringContaining('sa/other'),
    });
    const clusters = request(['x'], { typeUrl: 'type.googleapis.com/envoy.config.cluster.v3.Cluster' });
    await expect(callUnary(client.fetchSecrets.bind(client), clusters)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('gives nothing to who has no registration', async () => {
    await using other = await runCa({ policies: { '1.yaml': registration('web', 'web', ['unix:uid:4242']) } });
    const stranger = connect(other);
    await expect(fetch(['ROOTCA'], stranger)).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    const stream = talk(stranger.streamSecrets());
    stream.say(request(['ROOTCA']));
    await expect(stream.next()).rejects.toMatchObject({ code: status.PERMISSION_DENIED });
    stranger.close();
  });
});

describe('StreamSecrets', () => {
  test('pushes a registration’s secret as soon as there is one, and takes ACKs for ACKs', async () => {
    const stream = talk(client.streamSecrets());
    stream.say(request(['default', 'spiffe://example.org/ns/shop/sa/late']));
    const first = await stream.next();
    expect(names(first.resources)).toEqual(['default']);
    stream.say(
      request(['default', 'spiffe://example.org/ns/shop/sa/late'], {
        versionInfo: first.versionInfo,
        responseNonce: first.nonce,
      }),
    );
    running.writePolicy('2.yaml', registration('late', 'late', [ownUid]));
    expect(names((await stream.next()).resources)).toEqual(['default', 'spiffe://example.org/ns/shop/sa/late']);
    running.writePolicy('2.yaml', '');
  });

  test('answers a request for another secret, and none with an old nonce', async () => {
    const stream = talk(client.streamSecrets());
    stream.say(request(['default']));
    const { versionInfo, nonce } = await stream.next();
    stream.say(request(['ALL'], { versionInfo, responseNonce: 'another' }));
    stream.say(request(['ROOTCA'], { versionInfo, responseNonce: nonce }));
    expect(names((await stream.next()).resources)).toEqual(['ROOTCA']);
  });

  test('ends with the reason when a request cannot be meant', async () => {
    const stream = talk(client.streamSecrets());
    stream.say(request(['default'], { typeUrl: 'type.googleapis.com/nonsense' }));
    await expect(stream.next()).rejects.toMatchObject({ code: status.INVALID_ARGUMENT });
  });

  test('ends when more is asked for than anybody needs', async () => {
    const names = Array.from({ length: 1001 }, (_, at) => `spiffe://example.org/${at}`);
    const stream = talk(client.streamSecrets());
    stream.say(request(names));
    await expect(stream.next()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
    const delta = talk<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(client.deltaSecrets());
    delta.say({
      typeUrl: secretType,
      resourceNamesSubscribe: names,
      resourceNamesUnsubscribe: [],
      initialResourceVersions: new Map(),
      responseNonce: '',
      errorDetail: undefined,
    });
    await expect(delta.next()).rejects.toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  });

  test('ends well when the client has said all', async () => {
    const stream = client.streamSecrets();
    const ended = new Promise((resolve) => stream.on('status', resolve));
    stream.resume();
    stream.end();
    expect(await ended).toMatchObject({ code: status.OK });
  });
});

test('DeltaSecrets tells what is new and what is gone', async () => {
  const late = 'spiffe://example.org/ns/shop/sa/later';
  const stream = talk<DeltaDiscoveryRequest, DeltaDiscoveryResponse>(client.deltaSecrets());
  stream.say({
    typeUrl: secretType,
    resourceNamesSubscribe: ['ROOTCA', late],
    resourceNamesUnsubscribe: [],
    initialResourceVersions: new Map(),
    responseNonce: '',
    errorDetail: undefined,
  });
  const first = await stream.next();
  expect([first.resources.map(({ name }) => name), first.removedResources]).toEqual([['ROOTCA'], [late]]);
  running.writePolicy('3.yaml', registration('later', 'later', [ownUid]));
  const second = await stream.next();
  expect(names(second.resources.map(({ resource }) => resource))).toEqual([late]);
  running.writePolicy('3.yaml', '');
  expect((await stream.next()).removedResources).toEqual([late]);
});
