import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readlinkSync } from 'node:fs';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { afterEach, describe, expect, test } from '@jest/globals';
import { LoopbackCallers } from '#runtime/loopback/loopback-callers.ts';

const open: { destroy(): void }[] = [];
afterEach(() => {
  for (const one of open.splice(0)) one.destroy();
});

async function serve(host: string): Promise<{ server: Server; port: number }> {
  const server = createServer();
  server.listen({ host, port: 0 });
  await once(server, 'listening');
  open.push({ destroy: () => void server.close() });
  return { server, port: (server.address() as AddressInfo).port };
}

async function accepted(server: Server): Promise<Socket> {
  const [socket] = (await once(server, 'connection')) as [Socket];
  open.push(socket);
  return socket;
}

/** Another process that connects and stays. */
function connector(program: string, args: readonly string[]): ChildProcess {
  const child = spawn(program, args, {
    stdio: ['pipe', 'inherit', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  open.push({ destroy: () => void child.kill('SIGKILL') });
  return child;
}

const callers = new LoopbackCallers();
const own = { uid: process.getuid?.(), gid: process.getgid?.() };

describe.each([
  ['IPv4', '127.0.0.1', '127.0.0.1'],
  ['IPv6', '::1', '::1'],
  ['IPv4 through an IPv6 socket', '127.0.0.1', '::ffff:127.0.0.1'],
])('a caller over %s', (_, host, target) => {
  test('is found by pid, user, group and program', async () => {
    const { server, port } = await serve(host);
    const script = `require('node:net').connect({ host: '${target}', port: ${port} }).resume()`;
    const child = connector(process.execPath, ['-e', script]);
    const peer = await callers.identify(await accepted(server));
    expect(peer).toMatchObject({ ...own, pid: child.pid, executable: readlinkSync(`/proc/${child.pid}/exe`) });
    expect(peer.binary).toMatch(/^\d+:\d+:\d+:\d+$/);
  });
});

test('many that come at once are told from each other', async () => {
  const { server, port } = await serve('127.0.0.1');
  const script = `for (let i = 0; i < 40; i++) require('node:net').connect({ host: '127.0.0.1', port: ${port} }).resume()`;
  const children = [1, 2].map(() => connector(process.execPath, ['-e', script]));
  const sockets: Socket[] = [];
  while (sockets.length < 80) sockets.push(await accepted(server));
  const peers = await Promise.all(sockets.map((socket) => callers.identify(socket)));
  for (const { pid } of children) expect(peers.filter((peer) => peer.pid === pid)).toHaveLength(40);
}, 20_000);

test('of a socket that two programs hold nothing is said that is true of one only', async () => {
  const { server, port } = await serve('127.0.0.1');
  // A shell that connects by its own means and starts another program, which inherits the socket.
  connector('bash', ['-c', `exec 3<>/dev/tcp/127.0.0.1/${port}; sleep 60 & wait`]);
  const socket = await accepted(server);
  for (;;) {
    const peer = await callers.identify(socket);
    expect(peer).toMatchObject(own);
    if (!('executable' in peer)) break; // until the second is there the first has it alone
  }
});

test('a caller that is gone is nobody', async () => {
  const { server, port } = await serve('127.0.0.1');
  const mine = connect({ host: '127.0.0.1', port });
  const socket = await accepted(server);
  socket.pause();
  mine.destroy();
  await once(mine, 'close');
  await expect(callers.identify(socket)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
});

test('nobody is known where the kernel does not say', async () => {
  const { server, port } = await serve('127.0.0.1');
  open.push(connect({ host: '127.0.0.1', port }));
  await expect(new LoopbackCallers('/nowhere').identify(await accepted(server))).rejects.toMatchObject({
    code: 'UNAUTHENTICATED',
  });
});
