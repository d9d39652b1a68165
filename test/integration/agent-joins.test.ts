import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { ApiServer } from '#test/fakes/api-server.ts';
import { machineAuthority, machineCertificate, privateKeyOf } from '#test/fakes/machine-pki.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent, type RunningAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

const folder = mkdtempSync(join(tmpdir(), 'gaj-'));
let api: ApiServer;
let running: RunningCa;
let admin: IdentityAdminClient;

/** A node that the authority knows by what it found out of it, and not by its identity. */
const right = (name: string, selector: string, namespace: string): string => `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: ${name}, namespace: nodes }
spec:
  spiffeId: spiffe://example.org/nodes/${name}
  selectors: [ ${JSON.stringify(selector)} ]
  node: { identities: [ "spiffe://example.org/ns/${namespace}/*" ] }
`;

beforeAll(async () => {
  const [started, root] = await Promise.all([ApiServer.start(), machineAuthority()]);
  api = started;
  const machine = await machineCertificate({ issuer: root, subject: 'CN=rack-7, O=Example' });
  writeFileSync(join(folder, 'machines.pem'), root.pem);
  writeFileSync(join(folder, 'machine.pem'), machine.pem);
  writeFileSync(join(folder, 'machine-key.pem'), await privateKeyOf(machine), { mode: 0o600 });
  const cluster = { ...api.review('west', ['garrison']), serviceAccounts: ['garrison:agent'] };
  const nodes = { x509pop: { authorities: join(folder, 'machines.pem') }, k8sPsat: { clusters: [cluster] } };
  running = await runCa({
    settings: { nodes },
    policies: {
      'rack.yaml': right('rack', 'x509pop:subject:cn:rack-7', 'shop'),
      'west.yaml': right('west', 'k8s_psat:agent_node_name:worker-1', 'west'),
      'cart.yaml': registration('cart', 'cart', [ownUid]),
      'api.yaml': registration('api', 'api', [ownUid]).replace('namespace: shop', 'namespace: west'),
    },
  });
  admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
});
afterAll(async () => {
  admin.close();
  await running[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const bundle = (): string => join(running.state, 'bundle.pem');

function svids({ socket }: RunningAgent): Messages<X509SVIDResponse> {
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: socket }, { kind: 'plaintext' });
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  return new Messages(client.fetchX509Svid({}, header));
}

const ids = ({ svids: all }: X509SVIDResponse): string[] => all.map(({ spiffeId }) => spiffeId);

test('by the certificate of its machine, and again by itself when its own was revoked', async () => {
  const key = `x509pop: { certificate: ${folder}/machine.pem, key: ${folder}/machine-key.pem }`;
  const ca = running.ca.addresses.ca;
  await using node = await runAgent({ ca, join: `{ ${key}, bundle: ${bundle()} }` });
  const { identity } = node.agent.core;
  const spiffeId = identity.current().spiffeId.toString();
  expect(spiffeId).toContain('/garrison/node/x509pop/');
  using messages = svids(node);
  expect(ids(await messages.next())).toEqual(['spiffe://example.org/ns/shop/sa/cart']);

  const before = identity.current().certificates[0];
  await callUnary(admin.revokeCertificate.bind(admin), { serial: '', spiffeId, reason: 'a test' });
  while (identity.current().certificates[0] === before) await new Promise((resolve) => identity.onChange(resolve));
  expect(identity.current().spiffeId.toString()).toBe(spiffeId);
  running.writePolicy('late.yaml', registration('late', 'late', [ownUid]));
  expect(ids(await messages.until((one) => one.svids.length === 2))).toContain('spiffe://example.org/ns/shop/sa/late');
});

test('by the token of its pod', async () => {
  const token = join(folder, 'pod-token');
  writeFileSync(token, 'a-token');
  const claim = (name: string): string => `authentication.kubernetes.io/${name}`;
  api.account('a-token', 'system:serviceaccount:garrison:agent', ['garrison'], {
    [claim('pod-name')]: 'agent-x',
    [claim('pod-uid')]: 'pod-uid-1',
    [claim('node-name')]: 'worker-1',
    [claim('node-uid')]: '0a1b2c3d-0000-4000-8000-00000000000a',
  });
  const ca = running.ca.addresses.ca;
  const how = `{ k8sPsat: { cluster: west, token: ${token} }, bundle: ${bundle()} }`;
  await using node = await runAgent({ ca, join: how });
  using messages = svids(node);
  expect(ids(await messages.next())).toEqual(['spiffe://example.org/ns/west/sa/api']);
});
