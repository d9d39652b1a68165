// node test/bench/grpc-server.bench.ts [--baseline FILE]
// A unary call of the size of a Check (1 KiB in, 256 B out), without anything behind it: our server, node:http2 by hand,
// and grpc-js. The server is a process of its own, so that its CPU can be told from the caller's. `cpuUs` is what counts.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Server, ServerCredentials, type ServerUnaryCall, type sendUnaryData } from '@grpc/grpc-js';
import { frame } from '#runtime/grpc/frames.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { silentLogger } from '#runtime/logger.ts';
import { type Measurement, publish, summary } from '#test/bench/harness.ts';

const bytes = (value: Uint8Array): Buffer => Buffer.from(value);
const path = '/bench.Echo/Check';
const method = {
  path,
  requestStream: false,
  responseStream: false,
  requestSerialize: bytes,
  requestDeserialize: (value: Buffer): Buffer => value,
  responseSerialize: (value: Buffer): Buffer => value,
  responseDeserialize: bytes,
} as const;
const request = Buffer.alloc(1024, 1);
const response = Buffer.alloc(256, 2);

const kinds = ['garrison', 'node:http2 by hand', 'grpc-js'] as const;
type Kind = (typeof kinds)[number];

const served = kinds.find((kind) => kind === process.argv[2]);
if (served !== undefined) await serve(served);
else await measureAll();

async function serve(kind: Kind): Promise<void> {
  const port = await start(kind);
  process.on('message', () => process.send?.(process.cpuUsage()));
  process.on('disconnect', () => process.exit(0));
  process.send?.(port);
}

async function start(kind: Kind): Promise<number> {
  if (kind === 'garrison') {
    const server = new GrpcServer({ logger: silentLogger }).unary(method, () => response);
    const address = await server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'plaintext' });
    return 'port' in address ? address.port : 0;
  }
  if (kind === 'grpc-js') {
    const server = new Server();
    const answer = (_call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>): void =>
      reply(null, response);
    server.addService({ Check: method }, { Check: answer });
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
        if (error === null) resolve(port);
        else reject(error);
      });
    });
  }
  const server = createServer();
  const framed = frame(response);
  server.on('stream', (stream) => {
    stream.on('data', () => undefined);
    stream.on('end', () => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(framed);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function measureAll(): Promise<void> {
  const results: (Measurement & { cpuUs: number })[] = [];
  // Twice in turn, because neighbours on the machine come and go; the better of both counts.
  for (const inFlight of [1, 64]) {
    for (const kind of kinds) {
      const runs = [await measureOne(kind, inFlight), await measureOne(kind, inFlight)];
      const best = runs.sort((a, b) => a.cpuUs - b.cpuUs)[0];
      if (best !== undefined) results.push(best);
    }
  }
  publish('grpc-server', results);
}

async function measureOne(kind: Kind, inFlight: number): Promise<Measurement & { cpuUs: number }> {
  const child = fork(import.meta.filename, [kind], { execArgv: ['--max-semi-space-size=16'] });
  const [port] = (await once(child, 'message')) as [number];
  const session = connect(`http://127.0.0.1:${port}`);
  const framed = frame(request);
  const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const stream = session.request(headers);
      stream.on('error', reject).on('close', resolve).resume();
      stream.end(framed);
    });
  const load = async (ms: number): Promise<number[]> => {
    const until = performance.now() + ms;
    const latencies: number[] = [];
    const worker = async (): Promise<void> => {
      while (performance.now() < until) {
        const begin = performance.now();
        await call();
        latencies.push((performance.now() - begin) * 1000);
      }
    };
    await Promise.all(Array.from({ length: inFlight }, worker));
    return latencies;
  };
  await load(1000);
  const [before, begin] = [await cpuOf(child), performance.now()];
  const latencies = await load(2000);
  const spent = performance.now() - begin;
  const cpuUs = Number((((await cpuOf(child)) - before) / latencies.length).toPrecision(3));
  session.destroy();
  child.disconnect();
  return { ...summary(`${kind}, ${inFlight} in flight`, latencies, latencies.length, spent), cpuUs };
}

async function cpuOf(child: ChildProcess): Promise<number> {
  child.send('cpu');
  const [{ user, system }] = (await once(child, 'message')) as [NodeJS.CpuUsage];
  return user + system;
}
