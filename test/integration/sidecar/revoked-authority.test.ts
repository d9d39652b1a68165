import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Identity } from '#runtime/identity-source.ts';
import { createLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import type { TestPki } from '#test/fakes/mesh-pki.ts';
import {
  type RunningSidecar,
  type World,
  anyPort,
  peerAuthentication,
  serviceEntry,
  spiffeIdOf,
  startWorld,
} from '#test/fakes/sidecar-world.ts';

const lines: string[] = [];
const open = new Set<Socket>();
let world: World;
let server: RunningSidecar;
let client: RunningSidecar;
let revoked: TestPki;
let sound: TestPki;

beforeAll(async () => {
  world = await startWorld();
  [revoked, sound] = [await world.pki.under('issuing 1'), await world.pki.under('issuing 2')];
  const app = await world.application((_, response) => response.end('ok'));
  const logger = createLogger({ level: 'info', write: (line) => lines.push(line) });
  const inbound = [{ listen: anyPort, app: app.address, protocol: 'http' }] as const;
  server = await world.sidecar({ serviceAccount: 'web', inbound, logger });
  world.push(peerAuthentication('STRICT') + serviceEntry('web.shop', 'web', [server.inboundPort]));
  client = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
});
afterAll(async () => {
  for (const socket of open) socket.destroy();
  await world[Symbol.asyncDispose]();
});

async function knock(identity: Identity, session?: Buffer): Promise<TLSSocket> {
  const tls = { ...secureContextOptions(identity), rejectUnauthorized: false, ...(session && { session }) };
  const socket = connect({ host: '127.0.0.1', port: server.inboundPort, ALPNProtocols: ['http/1.1'], ...tls });
  open.add(socket.on('error', () => undefined));
  await once(socket, 'secureConnect');
  return socket;
}

/** The status of one request on a connection that stays open; undefined where the connection ends instead. */
async function ask(socket: Socket): Promise<number | undefined> {
  if (socket.destroyed) return undefined;
  socket.write('GET / HTTP/1.1\r\nhost: web.shop\r\n\r\n');
  const answered = once(socket, 'data') as Promise<[Buffer]>;
  const first = await Promise.race([answered, once(socket, 'close').then(() => undefined)]);
  return first && Number(/^HTTP\/1\.1 (\d{3})/.exec(first[0].toString())?.[1]);
}

test('who stands under a revoked authority is out, with the connection it had open, though its root is trusted', async () => {
  const [late, other] = [await revoked.identity(spiffeIdOf('late')), await sound.identity(spiffeIdOf('other'))];
  const [goes, stays] = [await knock(late), await knock(other)];
  expect([await ask(goes), await ask(stays)]).toEqual([200, 200]);
  const session = goes.getSession();
  const ended = once(goes, 'close');
  server.identity.rotate({ ...server.identity.current(), refused: [revoked.pem] });
  await ended;
  expect(await ask(stays)).toBe(200);
  expect(await ask(await knock(late))).toBeUndefined();
  expect(await ask(await knock(late, session))).toBeUndefined();
  expect(await ask(await knock(await revoked.identity(spiffeIdOf('x'), { anonymous: true })))).toBeUndefined();
  expect(await ask(await knock(other))).toBe(200);
  expect(lines.filter((line) => /the authority `[0-9a-f]{16}` that vouches for it was revoked/.test(line))).not.toEqual(
    [],
  );
});

test('a server that stands under one is left by the sidecars of its clients', async () => {
  server.identity.rotate({ ...(await revoked.identity(spiffeIdOf('web'))), refused: [] });
  const kept = connectTcp(client.outboundPort, '127.0.0.1');
  open.add(kept.on('error', () => undefined));
  expect(await ask(kept)).toBe(200);
  client.identity.rotate({ ...client.identity.current(), refused: [revoked.pem] });
  expect(await ask(kept)).toBe(502);
  server.identity.rotate({ ...(await sound.identity(spiffeIdOf('web'))), refused: [revoked.pem] });
  expect(await ask(kept)).toBe(200);
});
