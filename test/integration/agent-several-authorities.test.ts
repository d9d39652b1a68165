import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import { Metadata } from '@grpc/grpc-js';
import { expect, test } from '@jest/globals';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import type { Address } from '#runtime/address.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { joinToken } from '#test/fakes/certificate-client.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { runAgent } from '#test/fakes/running-agent.ts';
import { registration, runCa } from '#test/fakes/running-ca.ts';
import { Messages } from '#test/fakes/stream-messages.ts';

/** A way to an authority that can be closed, as if that one were gone. */
class Door implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(to: Address) {
    if (!('port' in to)) throw new Error('no port');
    this.#server = createServer((from) => {
      const through = connect(to.port, to.host);
      for (const socket of [from, through]) {
        this.#sockets.add(socket);
        socket.on('error', () => undefined);
        socket.on('close', () => {
          from.destroy();
          through.destroy();
        });
      }
      from.pipe(through).pipe(from);
    });
  }

  static async open(to: Address): Promise<Door> {
    const door = new Door(to);
    door.#server.listen(0, '127.0.0.1');
    await once(door.#server, 'listening');
    return door;
  }

  get address(): Address {
    return { host: '127.0.0.1', port: (this.#server.address() as AddressInfo).port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#server.listening) return;
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}

test('an agent goes to the next authority when one is away, at the start and later, and its workloads notice nothing', async () => {
  await using running = await runCa({
    policies: {
      'node.yaml': nodeRegistration('east', ['spiffe://example.org/ns/shop/*']),
      '1.yaml': registration('first', 'first', [ownUid]),
    },
  });
  await using one = await Door.open(running.ca.addresses.ca);
  await using two = await Door.open(running.ca.addresses.ca);
  const nobody = { host: '127.0.0.1', port: 1 };
  const token = await joinToken(running, { name: 'east' });
  await using node = await runAgent({ ca: [nobody, one.address, two.address], token });
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: node.socket }, { kind: 'plaintext' });
  const header = new Metadata();
  header.set('workload.spiffe.io', 'true');
  const messages = new Messages<X509SVIDResponse>(client.fetchX509Svid({}, header));
  const names = async (): Promise<(string | undefined)[]> =>
    (await messages.next()).svids.map(({ spiffeId }) => spiffeId.split('/').at(-1));
  expect(await names()).toEqual(['first']);

  await one[Symbol.asyncDispose]();
  running.writePolicy('2.yaml', registration('second', 'second', [ownUid]));
  expect(await names()).toEqual(['first', 'second']);
  client.close();
}, 30_000);
