import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { get, plainSocket } from '#test/fakes/raw-http.ts';
import { type World, anyPort, startWorld } from '#test/fakes/sidecar-world.ts';

let world: World;

beforeEach(async () => {
  world = await startWorld();
});

afterEach(async () => world[Symbol.asyncDispose]());

async function serving(failOpen: boolean, checkTimeoutMs = 2_000) {
  const heard: string[] = [];
  const app = await world.application((request, response) => {
    heard.push(String(request.url));
    response.end('hello');
  });
  const running = await world.sidecar({
    serviceAccount: 'web',
    inbound: [{ listen: anyPort, app: app.address, protocol: 'http' }],
    failOpen,
    checkTimeoutMs,
  });
  return { ...running, heard };
}

const untilReported = async (name: string, value: unknown): Promise<void> => {
  while (!world.reported.some((bag) => bag.get(name) === value))
    await new Promise((resolve) => setTimeout(resolve, 20));
};

describe('when the authorization service cannot be reached', () => {
  test('a request is refused: 503, with an id that the audit knows', async () => {
    const { inboundPort, heard } = await serving(false);
    await world.stopAuthz();
    const answer = await get(await plainSocket(inboundPort), '/closed');
    expect(answer.status).toBe(503);
    expect(answer.text).toContain('x-garrison-decision: ');
    expect(heard).toEqual([]);
    await untilReported('garrison.decision.effect', 'deny');
    expect(world.reported.at(-1)?.get('garrison.decision.fail_open')).toBeUndefined();
  });

  test('failOpen lets it pass, and the audit says that nobody decided', async () => {
    const { inboundPort, heard, adminPort } = await serving(true);
    await world.stopAuthz();
    expect((await get(await plainSocket(inboundPort), '/open')).status).toBe(200);
    expect(heard).toEqual(['/open']);
    await untilReported('garrison.decision.fail_open', true);
    const metrics = await (await fetch(`http://127.0.0.1:${adminPort}/metrics`)).text();
    expect(metrics).toContain('garrison_sidecar_undecided_total{effect="allow"} 1');
  });

  test('an answer that does not come in time counts as none', async () => {
    const { inboundPort } = await serving(false, 100);
    world.rule(() => new Promise(() => undefined));
    expect((await get(await plainSocket(inboundPort))).status).toBe(503);
  });
});

describe('what failOpen does not open', () => {
  test('a service that is there and fails', async () => {
    const { inboundPort, heard } = await serving(true);
    world.rule(() => {
      throw new Error('choked');
    });
    expect((await get(await plainSocket(inboundPort))).status).toBe(503);
    expect(heard).toEqual([]);
  });

  test('a denial', async () => {
    const { inboundPort } = await serving(true);
    world.rule(() => ({ effect: 'deny' }));
    expect((await get(await plainSocket(inboundPort))).status).toBe(403);
  });

  test('an allow that contradicts itself', async () => {
    const { inboundPort } = await serving(true);
    world.rule(() => ({ effect: 'allow', code: 7 }));
    expect((await get(await plainSocket(inboundPort))).status).toBe(403);
    world.rule(() => ({ effect: 'deny', code: 0, httpStatus: 200 }));
    expect((await get(await plainSocket(inboundPort))).status).toBe(403);
  });
});

test('somebody else with an SVID of the mesh is not the authorization service', async () => {
  const impostor = new GrpcServer({ logger: silentLogger });
  const identity = staticIdentity(await world.pki.identity('spiffe://cluster.local/ns/shop/sa/authz'));
  const address = await impostor.listen(anyPort, { kind: 'tls', identity, clientCertificate: 'require' });
  world.keep(impostor);
  const running = await world.sidecar({ serviceAccount: 'web', authz: address, ready: false });
  expect(running.sidecar.admin.readiness.missing).toEqual(['revision']);
});
