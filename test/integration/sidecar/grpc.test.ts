import { once } from 'node:events';
import { Metadata, type ServiceError } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { silentLogger } from '#runtime/logger.ts';
import { EchoClient, echoService } from '#test/fakes/echo-service.ts';
import { type World, anyPort, serviceEntry, startWorld } from '#test/fakes/sidecar-world.ts';

let world: World;
let client: EchoClient;

describe.each(['grpc', 'auto'] as const)('protocol %s', (protocol) => {
  beforeAll(async () => {
    world = await startWorld();
    const service = new GrpcServer({ logger: silentLogger })
      .unary(echoService.unary, (text) => text)
      .bidi(echoService.chat, async function* (texts) {
        for await (const text of texts) yield `<${text}>`;
      });
    world.keep(service);
    const app = await service.listen(anyPort, { kind: 'plaintext' });
    const server = await world.sidecar({ serviceAccount: 'web', inbound: [{ listen: anyPort, app, protocol }] });
    world.push(serviceEntry('web.shop', 'web', [server.inboundPort]));
    const { outboundPort } = await world.sidecar({ serviceAccount: 'caller', outbound: { listen: anyPort } });
    const place = { host: '127.0.0.1', port: outboundPort };
    client = grpcClient(EchoClient, place, { kind: 'plaintext' }, { 'grpc.default_authority': 'web.shop' });
  });

  afterAll(async () => {
    client.close();
    await world[Symbol.asyncDispose]();
  });
  afterEach(() => world.rule(() => ({})));

  test('a call goes through a pair of sidecars and is checked as gRPC', async () => {
    expect(await callUnary(client.unary.bind(client), 'hello')).toBe('hello');
    const bag = world.asked.at(-1)!;
    expect(bag.get('context.protocol')).toBe('grpc');
    expect(bag.get('request.path')).toBe(echoService.unary.path);
    expect(bag.get('request.method')).toBe('POST');
    expect(bag.get('request.host')).toBe('web.shop');
    expect(bag.get('source.principal')).toBe('cluster.local/ns/shop/sa/caller');
  });

  test('a conversation goes both ways as it goes', async () => {
    const chat = client.chat();
    const answers: string[] = [];
    chat.on('data', (text: string) => {
      answers.push(text);
      if (answers.length < 3) chat.write(`${answers.length}`);
      else chat.end();
    });
    chat.write('0');
    await once(chat, 'end');
    expect(answers).toEqual(['<0>', '<1>', '<2>']);
  });

  test('a denial is status 7 with the decision id in the trailers', async () => {
    world.rule(() => ({ effect: 'deny' }));
    const error = await new Promise<ServiceError | null>((resolve) => client.unary('no', new Metadata(), {}, resolve));
    expect(error?.code).toBe(7);
    expect(error?.details).toBe('RBAC: access denied');
    expect(error?.metadata.get('x-garrison-decision')).toEqual([expect.stringMatching(/^decision-[0-9]+$/)]);
  });

  test.each([
    [16, 401],
    [3, 400],
    [8, 429],
  ])('a refusal with status %d', async (code, httpStatus) => {
    world.rule(() => ({ effect: 'deny', code, httpStatus }));
    const error = await new Promise<ServiceError | null>((resolve) => client.unary('no', new Metadata(), {}, resolve));
    expect(error?.code).toBe(code);
  });

  test('the status of the service itself comes through, and is reported', async () => {
    await expect(callUnary(client.absent.bind(client), 'x')).rejects.toMatchObject({ code: 'UNIMPLEMENTED' });
    const reported = (): boolean => world.reported.some((bag) => bag.get('response.grpc_status') === '12');
    while (!reported()) await new Promise((resolve) => setTimeout(resolve, 20));
  });
});
