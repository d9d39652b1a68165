import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { describe, expect, test } from '@jest/globals';
import { Arrivals, networkOf, usualMostOpen } from '#runtime/arrivals.ts';

class FakeSocket extends EventEmitter {
  destroyed = false;

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function crowd(arrivals: Arrivals, who: string, size: number): { socket: FakeSocket; refused: string | undefined }[] {
  return Array.from({ length: size }, () => {
    const socket = new FakeSocket();
    return { socket, refused: arrivals.arrived(socket as unknown as Socket, who) };
  });
}

const speak = (arrivals: Arrivals, { socket }: { socket: FakeSocket }): void =>
  arrivals.spoke(socket as unknown as Socket);

describe('places', () => {
  test('of the silent go to those who come later, the oldest first', () => {
    const arrivals = new Arrivals(8);
    const a = crowd(arrivals, 'a', 5);
    const b = crowd(arrivals, 'b', 5);
    expect([...a, ...b].every(({ refused }) => refused === undefined)).toBe(true);
    expect([...a, ...b].map(({ socket }) => socket.destroyed).indexOf(false)).toBe(2);
    expect(arrivals.size).toBe(8);
  });

  test('of one peer are three in four: the rest is for others', () => {
    const arrivals = new Arrivals(8);
    const a = crowd(arrivals, 'a', 6);
    for (const one of a) speak(arrivals, one);
    const [seventh] = crowd(arrivals, 'a', 1);
    expect(seventh?.refused).toMatch(/`a` has too many/);
    expect(seventh?.socket.destroyed).toBe(true);
    const b = crowd(arrivals, 'b', 2);
    for (const one of b) speak(arrivals, one);
    expect(b.map(({ refused }) => refused)).toEqual([undefined, undefined]);
    expect(crowd(arrivals, 'c', 1)[0]?.refused).toBe('too many connections');
    expect(a.every(({ socket }) => !socket.destroyed)).toBe(true);
  });

  test('a peer with its share gives up its own silent one, not another’s', () => {
    const arrivals = new Arrivals(8);
    const [b] = crowd(arrivals, 'b', 1);
    const a = crowd(arrivals, 'a', 7);
    expect(b?.socket.destroyed).toBe(false);
    expect(a.map(({ socket }) => socket.destroyed)).toEqual([true, ...Array<boolean>(6).fill(false)]);
  });

  test('are free again when a connection ends', () => {
    const arrivals = new Arrivals(4);
    for (const one of crowd(arrivals, 'a', 3)) {
      speak(arrivals, one);
      one.socket.destroy();
    }
    expect(arrivals.size).toBe(0);
    expect(crowd(arrivals, 'a', 3).every(({ refused }) => refused === undefined)).toBe(true);
  });

  test('are as many as files allow', () => {
    expect(usualMostOpen('Max open files            1024                 4096                 files\n')).toBe(512);
    expect(usualMostOpen('Max open files            1048576              1048576              files\n')).toBe(10_000);
    expect(usualMostOpen('Max open files            unlimited            unlimited            files\n')).toBe(10_000);
    expect(usualMostOpen('Max open files            16                   16                   files\n')).toBe(64);
    expect(usualMostOpen('')).toBe(10_000);
  });
});

test.each([
  ['10.1.2.3', '10.1.2.3'],
  ['::ffff:10.1.2.3', '::ffff:10.1.2.3'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8::1', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::1', '0:0:0:0::/64'],
])('%s is of %s', (address, network) => {
  expect(networkOf(address)).toBe(network);
});
