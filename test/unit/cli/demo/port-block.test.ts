import { once } from 'node:events';
import { createServer } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { PortBlock } from '#cli/demo/port-block.ts';

describe('a block of ports', () => {
  test('is not shared, whoever begins looking where', async () => {
    await using first = await PortBlock.reserve(process.pid);
    await using second = await PortBlock.reserve(process.pid);
    const ports = [first, second].flatMap((block) => Array.from({ length: 39 }, () => block.take()));
    expect(new Set(ports).size).toBe(78);
  });

  test('has only free ports', async () => {
    let taken: number;
    {
      await using block = await PortBlock.reserve(process.pid);
      taken = block.take();
    }
    const server = createServer().listen(taken, '127.0.0.1');
    await once(server, 'listening');
    await using other = await PortBlock.reserve(process.pid);
    const ports = Array.from({ length: 39 }, () => other.take());
    expect(ports).not.toContain(taken);
    server.close();
  });

  test('says when it is used up', async () => {
    await using block = await PortBlock.reserve(process.pid);
    for (let i = 0; i < 39; i++) block.take();
    expect(() => block.take()).toThrow('the block of ports is used up');
  });
});
