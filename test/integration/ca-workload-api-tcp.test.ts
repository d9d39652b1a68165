import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { SecretDiscoveryServiceClient } from '#proto/gen/envoy/service/secret/v3/sds.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { formatAddress, isUnix, type Address } from '#runtime/address.ts';
import { readConfig } from '#runtime/config/config.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { systemClock } from '#runtime/clock.ts';
import { silentLogger } from '#runtime/logger.ts';
import { secretType } from '#services/workload/sds/secrets.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const gid = `unix:gid:${process.getgid?.() ?? 0}`;
const path = `unix:path:${process.execPath}`;
const header = { 'workload.spiffe.io': 'true' };

describe.each(['127.0.0.1', '::1'])('over %s', (host) => {
  let running: RunningCa;
  let address: Address;
  let client: SpiffeWorkloadAPIClient;

  beforeAll(async () => {
    const hash = createHash('sha256').update(readFileSync(process.execPath)).digest('hex');
    running = await runCa({
      settings: { workloadApiTcp: { host, port: 0 } },
      policies: {
        '1.yaml': registration('mine', 'mine', [ownUid, gid, path, `unix:sha256:${hash}`]),
        '2.yaml': registration('other', 'other', [ownUid, 'unix:path:/bin/false']),
      },
    });
    address = running.ca.addresses.workloadApiTcp!;
    client = grpcClient(SpiffeWorkloadAPIClient, address, { kind: 'plaintext' });
  });
  afterAll(async () => {
    client.close();
    await running[Symbol.asyncDispose]();
  });

  test('a process gets what its user, group, program and that program’s hash entitle it to', async () => {
    const request = { audience: ['db'], spiffeId: '' };
    const { svids } = await callUnary(client.fetchJwtsvid.bind(client), request, { metadata: header });
    expect(svids.map(({ spiffeId }) => spiffeId)).toEqual(['spiffe://example.org/ns/shop/sa/mine']);
    await expect(callUnary(client.fetchJwtsvid.bind(client), request)).rejects.toMatchObject({
      code: 'INVALID_ARGUMENT',
    });
  });

  test('an identity is held and SDS is served', async () => {
    const options = { clock: systemClock, logger: silentLogger, signal: new AbortController().signal };
    await using identity = await workloadIdentity({ workloadApi: formatAddress(address) }, options);
    expect(identity.current().spiffeId.path).toBe('/ns/shop/sa/mine');
    const sds = grpcClient(SecretDiscoveryServiceClient, address, { kind: 'plaintext' });
    const request = {
      versionInfo: '',
      resourceNames: ['default'],
      typeUrl: secretType,
      responseNonce: '',
      errorDetail: undefined,
    };
    expect((await callUnary(sds.fetchSecrets.bind(sds), request)).resources).toHaveLength(1);
    sds.close();
  });
});

test.each([
  ['owner', 0o600],
  ['group', 0o660],
  ['everyone', 0o666],
] as const)('the socket’s file lets in %s', async (workloadApiAccess, mode) => {
  await using running = await runCa({ settings: { workloadApiAccess } });
  const { workloadApi } = running.ca.addresses;
  expect(statSync(isUnix(workloadApi) ? workloadApi.path : '').mode & 0o777).toBe(mode);
});

describe('the configuration', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gwt-'));
  const file = join(folder, 'garrison.yaml');
  afterAll(() => rmSync(folder, { recursive: true }));
  const read = (ca: string) => {
    writeFileSync(file, `ca: { ${ca} }\n`);
    return readConfig({ path: file, env: {}, cwd: folder }).ca;
  };

  test('is off and for the owner alone where nothing is said', () => {
    expect(read('')).toMatchObject({ workloadApiTcp: undefined, workloadApiAccess: 'owner' });
    expect(read('workloadApiTcp: "[::1]:8081", workloadApiAccess: everyone')).toMatchObject({
      workloadApiTcp: { host: '::1', port: 8081 },
      workloadApiAccess: 'everyone',
    });
  });

  test.each(['0.0.0.0:8081', '10.0.0.1:8081', 'localhost:8081', '[::]:8081', 'unix:./x.sock', '127.0.0.1'])(
    'refuses %s, which is no address on loopback',
    (address) => {
      expect(() => read(`workloadApiTcp: "${address}"`)).toThrow();
    },
  );
});
