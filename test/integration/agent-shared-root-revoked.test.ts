import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { staticIdentity, type IdentitySource } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration } from '#test/fakes/running-ca.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';

const workload = 'spiffe://example.org/ns/shop/sa/first';

test('of two authorities under one root the older is revoked: workloads of a node refuse what it signed, also after a restart', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const documents = {
    'node.yaml': nodeRegistration('east', [workload]),
    'first.yaml': registration('first', 'first', [ownUid]),
  };
  const world = cleanUp.use(await SharedRoot.open(documents));
  const { ca } = world.running.ca.addresses;
  const folder = mkdtempSync(join(tmpdir(), 'gag-'));
  cleanUp.defer(() => rmSync(folder, { recursive: true }));
  const token = await joinToken(world.running, { name: 'east' });
  const node = cleanUp.use(new AsyncDisposableStack());
  const { agent, socket } = node.use(await runAgent({ ca, token, folder }));
  const stop = new AbortController();
  cleanUp.defer(() => stop.abort());
  const options = { clock: systemClock, logger: silentLogger, signal: stop.signal };
  const own = cleanUp.use(await workloadIdentity({ workloadApi: socket }, options));
  const older = own.current();
  expect(issuerOf(older)).toContain('issuing 1');

  const server = cleanUp.use(
    new GrpcServer({ logger: silentLogger, drainMs: 50 })
      .unary(echoService.unary, (text) => text)
      .serverStream(echoService.list, async function* (text, { signal: ended }) {
        yield text;
        await once(ended, 'abort');
      }),
  );
  const tls = { kind: 'tls', identity: own, clientCertificate: 'require' } as const;
  const address = await server.listen({ host: '127.0.0.1', port: 0 }, tls);
  const clientOf = (identity: IdentitySource): EchoClient => {
    const client = grpcClient(EchoClient, address, { kind: 'tls', identity, expect: () => true });
    cleanUp.defer(() => client.close());
    return client;
  };
  const [late, steady] = [clientOf(staticIdentity(older)), clientOf(own)];
  const stream = late.list('hello').on('error', () => undefined);
  const failed = once(stream, 'error', { signal: AbortSignal.timeout(20_000) });
  await once(stream, 'data');

  const authority = await world.taintOlder();
  await until(own, (current) => issuerOf(current).includes('issuing 2'));
  await until(agent.core.identity, (current) => issuerOf(current).includes('issuing 2'));
  const sound = clientOf(own)
    .list('hello')
    .on('error', () => undefined);
  await once(sound, 'data');
  const keys = agent.core.trust.jwtKeys().length;
  const broken: unknown[] = [];
  sound.on('error', (error) => broken.push(error));
  await world.revoke(authority);
  await failed;
  await expect(callUnary(late.unary.bind(late), 'hello', { timeoutMs: 2000 })).rejects.toBeDefined();
  expect(await callUnary(steady.unary.bind(steady), 'hello')).toBe('hello');
  expect(broken).toEqual([]);
  expect(agent.core.trust.bundle()).toHaveLength(1);
  expect(agent.core.trust.jwtKeys()).toHaveLength(keys - 1);
  await world.tellMore([agent.core.identity]);

  // The authority is away, and the agent begins anew.
  await node.disposeAsync();
  await world.running[Symbol.asyncDispose]();
  const again = cleanUp.use(await runAgent({ ca, folder, early: true }));
  const { refused, revoked } = again.agent.core.trust.toBundle();
  expect([refused.length, revoked.length]).toEqual([1, 3]);
  expect(again.agent.core.identity.current()).toMatchObject({ refused: { length: 1 }, revoked: new Set(revoked) });
});
