import { createHash, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { proofOfPossession } from '#ca/node-proof.ts';
import { NodeAttestationClient, type AttestRequest, type AttestResponse } from '#proto/gen/garrison/v1/node.ts';
import type { NodeCluster, NodesConfig } from '#runtime/config/nodes-config.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { attestNode, type NodeProof } from '#runtime/identity/attest-node.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { ApiServer } from '#test/fakes/api-server.ts';
import { bundleOf, create, recordOf } from '#test/fakes/certificate-client.ts';
import { buildRequest } from '#test/fakes/certificate-requests.ts';
import {
  machineAuthority,
  machineCertificate,
  privateKeyOf,
  type MachineCertificate,
} from '#test/fakes/machine-pki.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { createPrivateKey, sign, type KeyObject } from 'node:crypto';

const folder = mkdtempSync(join(tmpdir(), 'gno-'));
let api: ApiServer;
let root: MachineCertificate;
let machine: MachineCertificate;
let running: RunningCa;
let nodes: NodesConfig;

const nodeOf = (name: string, spec: string): string =>
  `apiVersion: garrison.dev/v1\nkind: Registration\nmetadata: { name: ${name}, namespace: nodes }\nspec:\n${spec}`;

beforeAll(async () => {
  [api, root] = await Promise.all([ApiServer.start(), machineAuthority()]);
  machine = await machineCertificate({ issuer: root, subject: 'CN=rack-7, O=Example', dnsNames: ['rack-7.example'] });
  writeFileSync(join(folder, 'machines.pem'), root.pem);
  const cluster: NodeCluster = { ...api.review('west', ['garrison']), serviceAccounts: ['garrison:agent'] };
  nodes = { x509pop: { authorities: join(folder, 'machines.pem') }, k8sPsat: { clusters: [cluster] } };
  const right = (selector: string, identity: string): string => `  spiffeId: spiffe://example.org/nodes/x
  selectors: [ ${JSON.stringify(selector)} ]
  node: { identities: [ ${JSON.stringify(identity)} ] }
`;
  running = await runCa({
    settings: { nodes },
    policies: {
      'rack.yaml': nodeOf('rack', right('x509pop:subject:cn:rack-7', 'spiffe://example.org/ns/shop/*')),
      'west.yaml': nodeOf('west', right('k8s_psat:agent_node_name:worker-1', 'spiffe://example.org/ns/west/*')),
    },
  });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await api[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
});

const attest = (proof: NodeProof): Promise<Identity> =>
  attestNode(running.ca.addresses.ca, bundleOf(running), proof, new AbortController().signal);

const pop = async (leaf: MachineCertificate, ...above: MachineCertificate[]): Promise<NodeProof> => ({
  kind: 'x509pop',
  certificates: [leaf, ...above].map(({ pem }) => pem).join(''),
  privateKey: await privateKeyOf(leaf),
});

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const refused = { code: 'UNAUTHENTICATED' };

describe('by the key of a machine’s certificate', () => {
  test('a node gets its identity, and the record says what was found out of it', async () => {
    const identity = await attest(await pop(machine));
    const fingerprint = sha256(machine.der);
    expect(identity.spiffeId.toString()).toBe(`spiffe://example.org/garrison/node/x509pop/${fingerprint}`);
    const record = await recordOf(running, new X509Certificate(identity.certificates[0]!));
    expect(record).toMatchObject({ caller: `x509pop:${fingerprint}` });
    expect(JSON.parse(record.grant.slice('node:'.length))).toEqual([
      `x509pop:fingerprint:${fingerprint}`,
      'x509pop:subject:cn:rack-7',
      'x509pop:san:dns:rack-7.example',
      `x509pop:ca:fingerprint:${sha256(root.der)}`,
    ]);
  });

  test('renews by its identity, which keeps its rights', async () => {
    const identity = await attest(await pop(machine));
    const [renewed] = await create(running, { identity });
    expect(renewed?.subjectAltName).toBe(`URI:${identity.spiffeId.toString()}`);
    const impersonate = (ImpersonatedIdentity: string): Promise<X509Certificate[]> =>
      create(running, { identity, metadata: { ImpersonatedIdentity } });
    const [workload] = await impersonate('spiffe://example.org/ns/shop/sa/cart');
    expect(workload?.subjectAltName).toBe('URI:spiffe://example.org/ns/shop/sa/cart');
    await expect(impersonate('spiffe://example.org/ns/west/sa/cart')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
    });
  });

  test('does not renew where this way is configured no more', async () => {
    await using first = await runCa({ settings: { nodes } });
    const signal = new AbortController().signal;
    const identity = await attestNode(first.ca.addresses.ca, bundleOf(first), await pop(machine), signal);
    await first.ca[Symbol.asyncDispose]();
    await using second = await runCa({ folder: first.folder });
    await expect(create(second, { identity })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
  });

  test('not by the key of another, by another’s certificate, or before another authority', async () => {
    const [thief, stranger] = await Promise.all([
      machineCertificate({ issuer: root }),
      machineAuthority({ subject: 'CN=z' }),
    ]);
    const stolen = { ...(await pop(machine)), privateKey: await privateKeyOf(thief) } as NodeProof;
    await expect(attest(stolen)).rejects.toMatchObject(refused);
    await expect(attest(await pop(await machineCertificate({ issuer: stranger })))).rejects.toMatchObject(refused);
    // The chain is anchored through the second certificate; the key is the first's.
    await expect(attest(await pop(await machineCertificate({ issuer: stranger }), machine))).rejects.toMatchObject(
      refused,
    );
  });
});

/** A conversation in which every step is the test's. */
async function converse(
  answer: (response: AttestResponse) => AttestRequest | undefined,
  first?: AttestRequest,
): Promise<AttestResponse[]> {
  const bundle = bundleOf(running);
  const client = grpcClient(NodeAttestationClient, running.ca.addresses.ca, {
    kind: 'tls',
    bundle,
    expect: () => true,
  });
  const heard: AttestResponse[] = [];
  try {
    const call = client.attest();
    const csr = Buffer.from(buildRequest());
    call.write(
      first ?? {
        step: {
          $case: 'start',
          value: { csr, ttlSeconds: 0, proof: { $case: 'x509pop', value: { chain: [machine.der] } } },
        },
      },
    );
    for await (const response of call as AsyncIterable<AttestResponse>) {
      heard.push(response);
      const next = answer(response);
      if (next === undefined) call.end();
      else call.write(next);
    }
    return heard;
  } finally {
    client.close();
  }
}

describe('the conversation', () => {
  let key: KeyObject;
  beforeAll(async () => {
    key = createPrivateKey(await privateKeyOf(machine));
  });
  const csr = Buffer.from(buildRequest());
  const start = (more: object = {}): AttestRequest => ({
    step: {
      $case: 'start',
      value: { csr, ttlSeconds: 0, proof: { $case: 'x509pop', value: { chain: [machine.der] } }, ...more },
    },
  });
  const answered =
    (bytes: (challenge: Buffer) => Buffer) =>
    (response: AttestResponse): AttestRequest | undefined =>
      response.step?.$case === 'challenge'
        ? { step: { $case: 'answer', value: bytes(response.step.value) } }
        : undefined;
  const signed = (message: Uint8Array): Buffer => sign('sha256', message, key);

  test('a signature over the challenge and this request is the answer, and nothing else is', async () => {
    const heard = await converse(
      answered((challenge) => signed(proofOfPossession(challenge, csr))),
      start(),
    );
    expect(heard.map(({ step }) => step?.$case)).toEqual(['challenge', 'identity']);
    const others: ((challenge: Buffer) => Buffer)[] = [
      (challenge) => signed(challenge),
      (challenge) => signed(proofOfPossession(challenge, Buffer.from('another request'))),
      () => signed(proofOfPossession(Buffer.alloc(32), csr)),
      () => Buffer.alloc(0),
      () => Buffer.alloc(100_000),
    ];
    for (const other of others) await expect(converse(answered(other), start())).rejects.toMatchObject({ code: 16 });
  });

  test('an answer is good for its own challenge', async () => {
    let kept: Buffer | undefined;
    await converse(
      answered((challenge) => (kept = signed(proofOfPossession(challenge, csr)))),
      start(),
    );
    await expect(
      converse(
        answered(() => kept!),
        start(),
      ),
    ).rejects.toMatchObject({ code: 16 });
  });

  test.each<[string, () => AttestRequest, number]>([
    ['an answer first', () => ({ step: { $case: 'answer', value: Buffer.alloc(64) } }), 3],
    ['nothing at all', () => ({ step: undefined }), 3],
    ['no proof', () => start({ proof: undefined }), 3],
    ['a broken request', () => start({ csr: Buffer.from('x') }), 3],
    ['an empty chain', () => start({ proof: { $case: 'x509pop', value: { chain: [] } } }), 16],
    [
      'a thousand certificates',
      () => start({ proof: { $case: 'x509pop', value: { chain: Array(1000).fill(machine.der) } } }),
      16,
    ],
    [
      'a cluster that nobody knows',
      () => start({ proof: { $case: 'k8sPsat', value: { cluster: 'x', token: 'x' } } }),
      16,
    ],
  ])('%s is refused', async (_, first, code) => {
    await expect(converse(() => undefined, first())).rejects.toMatchObject({ code });
  });

  test('a second start, or an end, instead of an answer is refused', async () => {
    await expect(converse(() => start(), start())).rejects.toMatchObject({ code: 3 });
    await expect(converse(() => undefined, start())).rejects.toMatchObject({ code: 3 });
  });

  test('a lifetime beyond the limit is refused', async () => {
    const right = answered((challenge) => signed(proofOfPossession(challenge, csr)));
    await expect(converse(right, start({ ttlSeconds: 10_000_000 }))).rejects.toMatchObject({ code: 3 });
  });

  test('where it is not configured nobody is attested', async () => {
    await using plain = await runCa();
    const outcome = attestNode(
      plain.ca.addresses.ca,
      bundleOf(plain),
      await pop(machine),
      new AbortController().signal,
    );
    await expect(outcome).rejects.toMatchObject(refused);
  });
});

describe('by the token of an agent in a cluster', () => {
  const claim = (name: string): string => `authentication.kubernetes.io/${name}`;
  const uid = '0a1b2c3d-0000-4000-8000-00000000000a';
  const onNode = {
    [claim('pod-name')]: 'agent-x',
    [claim('pod-uid')]: 'pod-uid-1',
    [claim('node-name')]: 'worker-1',
    [claim('node-uid')]: uid,
  };
  const agent = 'system:serviceaccount:garrison:agent';
  const proof: NodeProof = { kind: 'k8s_psat', cluster: 'west', token: 'agent-token' };
  beforeEach(() => api.objects.clear());

  test('a node is what the API server says, and has the rights of its registrations', async () => {
    api.account('agent-token', agent, ['garrison'], onNode);
    const identity = await attest(proof);
    expect(identity.spiffeId.toString()).toBe(`spiffe://example.org/garrison/node/k8s_psat/west/${uid}`);
    const metadata = { ImpersonatedIdentity: 'spiffe://example.org/ns/west/sa/cart' };
    const [leaf] = await create(running, { identity, metadata });
    expect(leaf?.subjectAltName).toBe(`URI:${metadata.ImpersonatedIdentity}`);
    const [renewed] = await create(running, { identity });
    expect((await recordOf(running, renewed!)).grant).toContain('k8s_psat:agent_node_name:worker-1');
  });

  test('where the token names no node, pod and node are asked for', async () => {
    const { [claim('pod-name')]: pod, [claim('pod-uid')]: podUid } = onNode;
    api.account('agent-token', agent, ['garrison'], { [claim('pod-name')]: pod!, [claim('pod-uid')]: podUid! });
    await expect(attest(proof)).rejects.toMatchObject(refused);
    api.objects.set('/api/v1/namespaces/garrison/pods/agent-x', {
      metadata: { uid: 'pod-uid-1' },
      spec: { nodeName: 'worker-2' },
    });
    await expect(attest(proof)).rejects.toMatchObject(refused);
    api.objects.set('/api/v1/nodes/worker-2', { metadata: { uid } });
    expect((await attest(proof)).spiffeId.toString()).toMatch(/\/garrison\/node\/k8s_psat\/west\//);
    api.objects.set('/api/v1/namespaces/garrison/pods/agent-x', {
      metadata: { uid: 'a pod that came since' },
      spec: { nodeName: 'worker-2' },
    });
    await expect(attest(proof)).rejects.toMatchObject(refused);
  });

  test.each<[string, string, readonly string[], Record<string, string>]>([
    ['of another service account', 'system:serviceaccount:garrison:other', ['garrison'], onNode],
    ['of a person', 'garrison:agent', ['garrison'], onNode],
    ['for another audience', agent, ['istio-ca'], onNode],
    ['of no pod', agent, ['garrison'], {}],
    ['of a pod with a path for a name', agent, ['garrison'], { ...onNode, [claim('pod-name')]: '../nodes' }],
    ['of a node with a path for a uid', agent, ['garrison'], { ...onNode, [claim('node-uid')]: '../ca' }],
  ])('not by a token %s', async (_, user, audiences, extra) => {
    api.account('agent-token', user, audiences, extra);
    await expect(attest(proof)).rejects.toMatchObject(refused);
  });
});
