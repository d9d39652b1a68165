import { afterEach, expect, test } from '@jest/globals';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, realpathSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileKey, groupsOf, startTimeOf } from '#runtime/peer-credentials.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { silentLogger } from '#runtime/logger.ts';
import type { UnixPeer } from '#runtime/peer.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { isInstalled } from '#test/fakes/installed.ts';

const disposing: AsyncDisposable[] = [];
afterEach(async () => {
  for (const one of disposing.splice(0)) await one[Symbol.asyncDispose]();
});

const freshPath = (): string => path.join(mkdtempSync(path.join(tmpdir(), 'garrison-unix-')), 'deep/w.sock');

async function serve(file: string, mode?: number): Promise<void> {
  const server = new GrpcServer({ logger: silentLogger }).unary(echoService.unary, (_request, { peer }) =>
    JSON.stringify(peer.unix ?? null),
  );
  disposing.push(server);
  await server.listen({ path: file }, { kind: 'plaintext' }, { setting: 'ca.workloadApi', mode });
}

async function whoAmI(file: string): Promise<UnixPeer> {
  const client = grpcClient(EchoClient, { path: file }, { kind: 'plaintext' });
  try {
    return JSON.parse(await callUnary(client.unary.bind(client), '')) as UnixPeer;
  } finally {
    client.close();
  }
}

test('the kernel says who connects: user, group, process, and the file it runs', async () => {
  const file = freshPath();
  await serve(file);
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(await whoAmI(file)).toEqual({
    uid: process.getuid?.(),
    gid: process.getgid?.(),
    pid: process.pid,
    startTime: startTimeOf(readFileSync('/proc/self/stat', 'latin1')),
    groups: groupsOf(readFileSync('/proc/self/status', 'latin1')),
    executable: realpathSync(process.execPath),
    binary: fileKey(statSync(process.execPath, { bigint: true })),
  });
});

const whoIsThat = `
  import { callUnary } from '#runtime/grpc/call-unary.ts';
  import { grpcClient } from '#runtime/grpc/client.ts';
  import { EchoClient } from '#test/fakes/echo-service.ts';
  const client = grpcClient(EchoClient, { path: process.argv[1] }, { kind: 'plaintext' });
  console.log(await callUnary(client.unary.bind(client), ''));
  client.close();`;

test('another process is another one', async () => {
  const file = freshPath();
  await serve(file, 0o666);
  expect(statSync(file).mode & 0o777).toBe(0o666);
  const child = spawn(process.execPath, ['--input-type=module', '--eval', whoIsThat, file], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(JSON.parse(said.toString())).toMatchObject({ pid: child.pid, executable: realpathSync(process.execPath) });
  await once(child, 'close');
});

const withSetpriv = process.getuid?.() === 0 && isInstalled('setpriv') ? test : test.skip;

withSetpriv('the supplementary groups are those of the other process, and so is its time of start', async () => {
  const file = freshPath();
  await serve(file);
  const node = [process.execPath, '--input-type=module', '--eval', whoIsThat, file];
  const child = spawn('setpriv', ['--groups', '1234,5678', ...node], {
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const stat = readFileSync(`/proc/${child.pid}/stat`, 'latin1');
  const [said] = (await once(child.stdout, 'data')) as [Buffer];
  expect(JSON.parse(said.toString())).toMatchObject({
    pid: child.pid,
    groups: [1234, 5678],
    startTime: startTimeOf(stat),
  });
  await once(child, 'close');
});

test('a socket file that a killed process left behind is replaced', async () => {
  const file = freshPath();
  const script = `require('node:net').createServer().listen(process.argv[1], () => console.log('listens'))`;
  await serve(file);
  await disposing.pop()?.[Symbol.asyncDispose]();
  const child = spawn(process.execPath, ['--eval', script, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(child.stdout, 'data');
  await expect(serve(file)).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    place: 'ca.workloadApi',
    message: `the socket \`${file}\` is taken by another process`,
  });
  child.kill('SIGKILL');
  await once(child, 'close');
  expect(statSync(file).isSocket()).toBe(true);
  await serve(file);
  expect((await whoAmI(file)).pid).toBe(process.pid);
});

test('a file that is no socket is left alone', async () => {
  const file = path.join(mkdtempSync(path.join(tmpdir(), 'garrison-unix-')), 'notes.txt');
  writeFileSync(file, 'dear diary');
  await expect(serve(file)).rejects.toMatchObject({ message: `\`${file}\` exists and is not a socket` });
  expect(statSync(file).size).toBe(10);
});

test('a TCP peer has no unix credentials', async () => {
  const server = new GrpcServer({ logger: silentLogger }).unary(
    echoService.unary,
    (_request, { peer }) => `${peer.address} ${peer.unix === undefined ? 'undefined' : 'known'}`,
  );
  disposing.push(server);
  const address = await server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'plaintext' });
  const client = grpcClient(EchoClient, address, { kind: 'plaintext' });
  expect(await callUnary(client.unary.bind(client), '')).toBe('127.0.0.1 undefined');
  client.close();
});

test('an address that is not of this host, and a port that is taken, are told as such', async () => {
  const server = new GrpcServer({ logger: silentLogger });
  disposing.push(server);
  const place = { setting: 'authz.listen' };
  await expect(server.listen({ host: '192.0.2.1', port: 0 }, { kind: 'plaintext' }, place)).rejects.toMatchObject({
    code: 'FAILED_PRECONDITION',
    message: '`192.0.2.1:0` is not an address of this host',
    remedy: 'choose one that is, such as `127.0.0.1` with the setting `authz.listen`',
  });
  const taken = createServer().listen(0, '127.0.0.1');
  await once(taken, 'listening');
  const { port } = taken.address() as { port: number };
  await expect(server.listen({ host: '127.0.0.1', port }, { kind: 'plaintext' }, place)).rejects.toMatchObject({
    place: 'authz.listen',
    message: `port ${port} of \`127.0.0.1\` is taken by another process`,
  });
  taken.close();
});
