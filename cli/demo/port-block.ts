import { once } from 'node:events';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { GarrisonError } from '#proto/errors/index.ts';

const size = 40;
/** Below the range that systems give to outgoing connections, so that nothing takes a port by chance. */
const first = 20_480;
const last = 32_400;

/**
 * Forty neighbouring ports that are free. Processes of the demo must know each other's ports before they run, so port 0
 * would not do. The first port stays taken as long as the block is held: that keeps two demos from sharing one.
 */
export class PortBlock implements AsyncDisposable {
  readonly #lock: Server;
  #next: number;
  readonly #end: number;

  private constructor(lock: Server, base: number) {
    this.#lock = lock;
    this.#next = base + 1;
    this.#end = base + size;
  }

  /** Looks for a free block, beginning with the one that `start` (any number) points at. */
  static async reserve(start: number): Promise<PortBlock> {
    const blocks = Math.floor((last - first) / size);
    for (let tried = 0; tried < blocks; tried++) {
      const base = first + ((start + tried) % blocks) * size;
      const lock = await tryListen(base);
      if (lock === undefined) continue;
      if (await allFree(base + 1, base + size)) return new PortBlock(lock, base);
      await close(lock);
    }
    throw new GarrisonError('RESOURCE_EXHAUSTED', `no ${size} neighbouring free ports between ${first} and ${last}`, {
      remedy: 'stop another demo that still runs',
    });
  }

  take(): number {
    if (this.#next >= this.#end) throw new GarrisonError('INTERNAL', 'the block of ports is used up');
    return this.#next++;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await close(this.#lock);
  }
}

async function allFree(from: number, to: number): Promise<boolean> {
  const ports = Array.from({ length: to - from }, (_, index) => from + index);
  const servers = await Promise.all(ports.map(tryListen));
  const free = servers.filter((server) => server !== undefined);
  await Promise.all(free.map(close));
  return free.length === ports.length;
}

async function tryListen(port: number): Promise<Server | undefined> {
  const server = createServer();
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
    return server;
  } catch {
    return undefined;
  }
}

async function close(server: Server): Promise<void> {
  server.close();
  await once(server, 'close');
}
