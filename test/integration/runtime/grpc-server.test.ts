import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type ServiceError, status } from '@grpc/grpc-js';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, constants } from 'node:http2';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Address } from '#runtime/address.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { frame } from '#runtime/grpc/frames.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { createLogger } from '#runtime/logger.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';

let log: string[];
let server: GrpcServer;
let address: Address & { port: number };
let client: EchoClient;
/** What the handler of the call under test saw last. */
let seen: CallContext | undefined;

beforeEach(async () => {
  log = [];
  server = new GrpcServer({
    logger: createLogger({ write: (line) => log.push(line) }),
    maxMessageBytes: 65_536,
    drainMs: 1000,
  })
    .unary(echoService.unary, async (request, context) => {
      seen = context;
      if (request === 'denied') throw new GarrisonError('PERMISSION_DENIED', 'you may not: 100 % “no”');
      if (request === 'fault') throw new Error('the password is 1234');
      if (request === 'wait') await once(context.signal, 'abort');
      return request.startsWith('metadata ') ? String(context.metadata.get(request.slice(9))) : request;
    })
    .serverStream(echoService.list, async function* (request, context) {
      seen = context;
      for (let i = 0; i < Number(request); i += 1) yield 'x'.repeat(i % 1000);
      if (request === 'fail late') {
        yield 'one';
        throw new GarrisonError('NOT_FOUND', 'no more');
      }
      if (request === 'wait') {
        yield 'begun';
        await once(context.signal, 'abort');
      }
    })
    .bidi(echoService.chat, async function* (requests, context) {
      seen = context;
      for await (const request of requests) yield request.toUpperCase();
      yield 'bye';
    });
  address = (await server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'plaintext' })) as typeof address;
  client = grpcClient(EchoClient, address, { kind: 'plaintext' });
});

afterEach(async () => {
  client.close();
  await server[Symbol.asyncDispose]();
});

const ask = (request: string, options = {}): Promise<string> => callUnary(client.unary.bind(client), request, options);

describe('unary, with grpc-js as the client', () => {
  test('answers', async () => {
    expect(await ask('hello')).toBe('hello');
    expect(await ask('')).toBe('');
    expect(await ask('y'.repeat(60_000))).toHaveLength(60_000);
    expect(await ask('metadata x-tenant', { metadata: { 'x-tenant': 'blue' } })).toBe('blue');
  });

  test('errors carry code and sentence, a fault of ours carries neither its text nor its stack', async () => {
    await expect(ask('denied')).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      message: 'you may not: 100 % “no”',
    });
    await expect(ask('fault')).rejects.toMatchObject({ code: 'INTERNAL', message: 'internal error' });
    expect(log.join('')).toContain('the password is 1234');
    expect(log.join('')).not.toContain('you may not');
  });

  test('an unknown method', async () => {
    await expect(callUnary(client.absent.bind(client), 'x')).rejects.toMatchObject({
      code: 'UNIMPLEMENTED',
      message: 'there is no method `/test.Echo/Absent` here',
    });
  });

  test('a message that is too long is refused by its announced length', async () => {
    await expect(ask('y'.repeat(70_000))).rejects.toMatchObject({ code: 'RESOURCE_EXHAUSTED' });
    expect(await ask('the connection goes on')).toBe('the connection goes on');
  });

  test('a deadline ends the call on both sides', async () => {
    await expect(ask('wait', { timeoutMs: 50 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    if (seen?.signal.aborted === false) await once(seen.signal, 'abort');
    expect(['DEADLINE_EXCEEDED', 'CANCELLED']).toContain((seen?.signal.reason as GarrisonError).code);
  });

  test('a cancellation aborts the signal of the handler', async () => {
    const stop = new AbortController();
    seen = undefined;
    const call = ask('wait', { signal: stop.signal });
    call.catch(() => undefined);
    while ((seen as CallContext | undefined) === undefined) await new Promise((resolve) => setImmediate(resolve));
    const aborted = once(seen!.signal, 'abort');
    stop.abort();
    await aborted;
    await expect(call).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});

describe('streams, with grpc-js as the client', () => {
  test('many answers, in order, no matter how slow the reader is', async () => {
    const lengths: number[] = [];
    for await (const message of client.list('5000') as AsyncIterable<string>) lengths.push(message.length);
    expect(lengths).toEqual(Array.from({ length: 5000 }, (_, i) => i % 1000));
  });

  test('an error after the first answer comes in the trailers', async () => {
    const got: string[] = [];
    const reading = (async () => {
      for await (const message of client.list('fail late') as AsyncIterable<string>) got.push(message);
    })();
    await expect(reading).rejects.toMatchObject({ code: status.NOT_FOUND, details: 'no more' });
    expect(got).toEqual(['one']);
  });

  test('both ways at once; a half-closed stream is answered to its end', async () => {
    const chat = client.chat();
    const got: string[] = [];
    chat.on('data', (message: string) => got.push(message));
    for (const word of ['a', 'b', 'c']) chat.write(word);
    chat.end();
    await once(chat, 'end');
    expect(got).toEqual(['A', 'B', 'C', 'bye']);
  });

  test('ten thousand messages through one stream', async () => {
    const chat = client.chat();
    let count = 0;
    chat.on('data', () => (count += 1));
    for (let i = 0; i < 10_000; i += 1) chat.write('word');
    chat.end();
    await once(chat, 'end');
    expect(count).toBe(10_001);
  });
});

describe('the end of the server', () => {
  test('calls under way finish, long ones are told to come again', async () => {
    const stream = client.list('wait');
    await once(stream, 'data');
    const ended = once(stream, 'error') as Promise<[ServiceError]>;
    await server[Symbol.asyncDispose]();
    const [error] = await ended;
    expect(error.code).toBe(status.UNAVAILABLE);
    await expect(ask('x', { timeoutMs: 500 })).rejects.toBeInstanceOf(GarrisonError);
  });

  test('a conversation is finished, not cut', async () => {
    const chat = client.chat();
    const got: string[] = [];
    chat.on('data', (message: string) => got.push(message));
    chat.write('a');
    await once(chat, 'data');
    const ended = once(chat, 'end');
    await server[Symbol.asyncDispose]();
    await ended;
    expect(got).toEqual(['A', 'bye']);
  });
});

describe('bytes that no client library sends', () => {
  let session: ClientHttp2Session;
  beforeEach(() => {
    session = connect(`http://127.0.0.1:${address.port}`);
    session.on('error', () => undefined);
  });
  afterEach(() => {
    session.destroy();
  });

  const head = { ':method': 'POST', ':path': '/test.Echo/Unary', 'content-type': 'application/grpc', te: 'trailers' };

  async function post(headers: object, ...chunks: Buffer[]): Promise<Record<string, unknown>> {
    const stream = session.request({ ...head, ...headers });
    stream.on('error', () => undefined);
    const got: Record<string, unknown> = {};
    stream.on('response', (answer: object) => Object.assign(got, answer));
    stream.on('trailers', (answer: object) => Object.assign(got, answer));
    stream.resume();
    for (const chunk of chunks) stream.write(chunk);
    stream.end();
    await once(stream, 'close');
    return got;
  }

  test.each([
    ['another content type', { 'content-type': 'text/plain' }, ':status', 415],
    ['no content type of its own', { 'content-type': 'application/grpcx' }, ':status', 415],
    ['another method', { ':method': 'PUT' }, ':status', 405],
    ['an encoding', { 'grpc-encoding': 'gzip' }, 'grpc-status', '12'],
    ['a timeout that cannot be read', { 'grpc-timeout': '5x' }, 'grpc-status', '3'],
    ['a timeout with too many digits', { 'grpc-timeout': '123456789S' }, 'grpc-status', '3'],
    ['a timeout of nothing', { 'grpc-timeout': '0n' }, 'grpc-status', '4'],
  ])('%s', async (_name, headers, field, value) => {
    expect((await post(headers, frame(Buffer.from('wait'))))[field]).toBe(value);
  });

  test.each([
    ['no message', [], '3'],
    ['half a prefix', [Buffer.from([0, 0])], '3'],
    ['half a message', [Buffer.from([0, 0, 0, 0, 9, 1])], '3'],
    ['two messages', [frame(Buffer.from('a')), frame(Buffer.from('b'))], '3'],
    ['a compressed message', [Buffer.from([1, 0, 0, 0, 1, 65])], '12'],
    ['a length of 4 GiB', [Buffer.from([0, 255, 255, 255, 255])], '8'],
    ['a message in single bytes', [...frame(Buffer.from('hello'))].map((byte) => Buffer.from([byte])), '0'],
  ])('%s', async (_name, chunks, code) => {
    expect((await post({}, ...chunks))['grpc-status']).toBe(code);
  });

  test('a connection that breaks ends the requests with an error and aborts the signal', async () => {
    const stream = session.request({ ...head, ':path': '/test.Echo/Chat' });
    stream.on('error', () => undefined);
    stream.write(frame(Buffer.from('a')));
    await once(stream, 'data');
    const aborted = once(seen!.signal, 'abort');
    session.destroy();
    await aborted;
    expect((seen!.signal.reason as GarrisonError).code).toBe('CANCELLED');
  });

  test('an answer before the request is complete ends the stream without an error', async () => {
    const stream = session.request({ ...head, 'grpc-encoding': 'gzip' });
    stream.resume();
    const [answer] = (await once(stream, 'response')) as [Record<string, unknown>];
    expect(answer['grpc-status']).toBe('12');
    await once(stream, 'close');
    expect(stream.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
  });
});
