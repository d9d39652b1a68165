import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { expect, test } from '@jest/globals';
import { readIssuer } from '#ca/issue/issuer.ts';
import { lint } from '#ca/issue/lint.ts';
import { prepare } from '#ca/issue/prepare.ts';
import { sign } from '#ca/issue/sign.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { decodePem, encodePem } from '#ca/pem.ts';
import { isUnix } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { requestCertificate } from '#runtime/identity/request-certificate.ts';
import { workloadIdentity } from '#runtime/identity/workload-identity.ts';
import { staticIdentity, type Identity, type IdentitySource } from '#runtime/identity-source.ts';
import { createLogger, silentLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { issuerOf, SharedRoot, until } from '#test/fakes/shared-root.ts';
import { leafPlan, type TestAuthority } from '#test/fakes/test-authority.ts';

const { signal } = new AbortController();
const options = { clock: systemClock, logger: silentLogger, signal };
const loopback = { host: '127.0.0.1', port: 0 };

/** What somebody makes who has the key of an authority: nobody has recorded it. */
async function forge({ certificate, key }: SharedRoot['older'], like: Identity): Promise<Identity> {
  const issuing = readIssuer(decodePem(certificate, ['CERTIFICATE'], 'stolen'));
  const own = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
  const { publicKey: subjectKey } = keySigner(own);
  const plan = leafPlan({ issuing } as TestAuthority, new Date(), { id: like.spiffeId, subjectKey });
  const leaf = await sign(lint(prepare(plan)), keySigner(createPrivateKey(key)));
  return {
    ...like,
    certificates: [encodePem('CERTIFICATE', leaf), certificate],
    privateKey: own.export({ format: 'pem', type: 'pkcs8' }).toString(),
  };
}

test('of two authorities under one root the older is revoked: what it signed is refused everywhere, the rest goes on', async () => {
  await using cleanUp = new AsyncDisposableStack();
  const world = cleanUp.use(await SharedRoot.open({}));
  const { ca } = world.running.ca.addresses;
  const files = mkdtempSync(join(tmpdir(), 'gsr-'));
  cleanUp.defer(() => rmSync(files, { recursive: true }));
  const follower = async (name: string): Promise<IdentitySource & AsyncDisposable> => {
    const token = join(files, name);
    const spiffeId = `spiffe://example.org/ns/shop/sa/${name}`;
    writeFileSync(token, await joinToken(world.running, { spiffeId }), { mode: 0o600 });
    return workloadIdentity({ ca, token }, options);
  };
  const [web, sound] = [cleanUp.use(await follower('web')), cleanUp.use(await follower('sound'))];
  const slow = await follower('slow');
  const older = slow.current();
  await slow[Symbol.asyncDispose]();
  expect(issuerOf(older)).toContain('issuing 1');

  const lines: string[] = [];
  const logger = createLogger({ level: 'info', write: (line) => lines.push(line) });
  const server = cleanUp.use(
    new GrpcServer({ logger, drainMs: 50 })
      .unary(echoService.unary, (text) => text)
      .serverStream(echoService.list, async function* (text, { signal: ended }) {
        yield text;
        await once(ended, 'abort');
      }),
  );
  const address = await server.listen(loopback, { kind: 'tls', identity: web, clientCertificate: 'require' });
  const port = isUnix(address) ? 0 : address.port;
  const clientOf = (identity: IdentitySource): EchoClient => {
    const client = grpcClient(EchoClient, address, { kind: 'tls', identity, expect: () => true });
    cleanUp.defer(() => client.close());
    return client;
  };
  /** Whether a handshake of our own lets it in: in HTTP/2 the server speaks first. */
  const knock = async (identity: Identity, session?: Buffer): Promise<TLSSocket | undefined> => {
    const tls = { ...secureContextOptions(identity), rejectUnauthorized: false, ALPNProtocols: ['h2'] };
    const socket = connect({ ...loopback, port, ...tls, ...(session === undefined ? {} : { session }) });
    cleanUp.defer(() => void socket.destroy());
    socket.on('error', () => undefined);
    const closed = once(socket, 'close').then(() => undefined);
    return Promise.race([once(socket, 'data').then(() => socket), closed]);
  };

  const late = clientOf(staticIdentity(older));
  const stream = late.list('hello');
  const failed = once(stream, 'error', { signal: AbortSignal.timeout(20_000) });
  await once(stream, 'data');
  const held = await knock(older);
  if (held === undefined) throw new Error('not let in');
  const gone = once(held, 'close');
  const session = held.getSession();
  const stolen = await forge(world.older, older);
  expect(await knock(stolen)).toBeDefined();

  const steady = clientOf(sound);
  const stop = new AbortController();
  const over = (): boolean => stop.signal.aborted;
  const calls = (async () => {
    let count = 0;
    while (!over()) {
      expect(await callUnary(steady.unary.bind(steady), 'hello')).toBe('hello');
      count += 1;
    }
    return count;
  })();

  const authority = await world.taintOlder();
  for (const one of [web, sound]) await until(one, (current) => issuerOf(current).includes('issuing 2'));
  await callUnary(late.unary.bind(late), 'still there');
  await world.revoke(authority);
  stream.on('error', () => undefined);
  await failed;
  await gone;
  expect(web.current().bundle).toHaveLength(1);
  for (const identity of [older, stolen]) expect(await knock(identity)).toBeUndefined();
  expect(await knock(older, session)).toBeUndefined();
  expect(await knock(sound.current())).toBeDefined();
  await expect(callUnary(late.unary.bind(late), 'hello', { timeoutMs: 2000 })).rejects.toBeDefined();
  const refusals = lines.filter((line) => line.includes('connection refused'));
  expect(refusals.some((line) => line.includes(`\`${authority}\``) && line.includes('was revoked'))).toBe(true);

  // Nor does a client believe a server that shows it, nor the authority whoever wants to renew by it.
  const impostor = cleanUp.use(new GrpcServer({ logger: silentLogger }).unary(echoService.unary, (text) => text));
  const identity = staticIdentity(older);
  const there = await impostor.listen(loopback, { kind: 'tls', identity, clientCertificate: 'optional' });
  const asked = grpcClient(EchoClient, there, { kind: 'tls', identity: sound, expect: () => true });
  cleanUp.defer(() => asked.close());
  await expect(callUnary(asked.unary.bind(asked), 'hello', { timeoutMs: 2000 })).rejects.toThrow(/was revoked/);
  await expect(requestCertificate(ca, { kind: 'identity', identity }, AbortSignal.timeout(5000))).rejects.toBeDefined();
  const renewed = await requestCertificate(ca, { kind: 'identity', identity: staticIdentity(sound.current()) }, signal);
  expect(issuerOf(renewed)).toContain('issuing 2');
  stop.abort();
  expect(await calls).toBeGreaterThan(0);
});
