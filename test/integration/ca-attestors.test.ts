import { readFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { unitOf } from '#services/workload/attest/cgroup-path.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';

const groups =
  /^Groups:\s*([0-9 ]*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]?.trim().split(' ').filter(Boolean) ??
  [];
const unit = unitOf(readFileSync('/proc/self/cgroup', 'utf8'));
let running: RunningCa | undefined;
let client: SpiffeWorkloadAPIClient;

beforeAll(async () => {
  const policies = {
    '1.yaml': registration('uid', 'uid', [ownUid]),
    '2.yaml': registration('user', 'user', [ownUid, `unix:user:${userInfo().username}`]),
    '3.yaml': registration('stranger', 'stranger', [ownUid, 'unix:user:nobody-here']),
    '4.yaml': registration('groups', 'groups', [ownUid, ...groups.map((id) => `unix:supplementary_gid:${id}`)]),
    '5.yaml': registration('other-group', 'other-group', [ownUid, 'unix:supplementary_gid:4242424']),
    '6.yaml': registration('docker', 'docker', [ownUid, 'docker:label:app:cart']),
    '7.yaml': registration('unit', 'unit', [ownUid, `systemd:id:${unit ?? 'init.scope'}`]),
    '8.yaml': registration('other-unit', 'other-unit', [ownUid, 'systemd:id:nobody-here.service']),
  };
  const attestors = {
    systemd: { systemctl: '/nonexistent' },
    docker: { socket: '/nonexistent' },
    k8s: undefined,
  };
  running = await runCa({ policies, settings: { attestors } });
  client = grpcClient(SpiffeWorkloadAPIClient, { path: join(running.state, 'workload.sock') }, { kind: 'plaintext' });
});
afterAll(async () => {
  client.close();
  await running?.[Symbol.asyncDispose]();
});

test('a process gets what was found out of it, and an attestor that fails takes nothing from the others', async () => {
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const stream: ClientReadableStream<X509SVIDResponse> = client.fetchX509Svid({}, metadata);
  const { svids } = await new Promise<X509SVIDResponse>((resolve, reject) =>
    stream.once('data', resolve).once('error', reject),
  );
  stream.on('error', () => undefined).cancel();
  const expected = ['uid', 'user', 'groups', ...(unit === undefined ? [] : ['unit'])];
  expect(svids.map(({ spiffeId }) => spiffeId.split('/').at(-1))).toEqual(expected);
});
