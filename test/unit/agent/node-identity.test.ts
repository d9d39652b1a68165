import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { NodeIdentity } from '#services/agent/join/node-identity.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const folder = mkdtempSync(join(tmpdir(), 'gni-'));
const file = join(folder, 'identity.json');
const minute = 60_000;
/** Made before, since time in these tests does not wait for key generation. */
let ready: Identity[] = [];
beforeAll(async () => {
  const pki = await TestPki.create();
  ready = await Promise.all(Array.from({ length: 30 }, () => pki.identity('spiffe://example.org/nodes/east')));
});
beforeEach(() => rmSync(file, { force: true }));
afterAll(() => rmSync(folder, { recursive: true }));

/** A node whose authority does what the test says. Certificates are real and last an hour. */
class Node {
  readonly clock = new TestClock(new Date().toISOString());
  readonly stop = new AbortController();
  mark: string | undefined = 'token-1';
  once = true;
  joins: string[] = [];
  renewals = 0;
  joining: GarrisonError | undefined;
  renewing: GarrisonError | undefined;

  open(): Promise<NodeIdentity> {
    return NodeIdentity.open({
      clock: this.clock,
      logger: silentLogger,
      signal: this.stop.signal,
      random: () => 0.5,
      file,
      way: {
        once: this.once,
        remedy: 'write a new token',
        files: [],
        mark: () => this.mark,
        join: async () => {
          await Promise.resolve();
          if (this.joining !== undefined) throw this.joining;
          this.joins.push(this.mark ?? '');
          return this.#identity();
        },
      },
      renew: async () => {
        await Promise.resolve();
        if (this.renewing !== undefined) throw this.renewing;
        this.renewals += 1;
        return this.#identity();
      },
    });
  }

  #identity(): Identity {
    const made = ready.pop();
    if (made === undefined) throw new Error('make more');
    return { ...made, expiresAt: new Date(this.clock.now().getTime() + 60 * minute) };
  }
}

const refusal = new GarrisonError('UNAUTHENTICATED', 'no');
const absence = new GarrisonError('UNAVAILABLE', 'away');

test('joins once, keeps what it got for its owner alone, and begins with it after a restart', async () => {
  const node = new Node();
  await using first = await node.open();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  await using second = await node.open();
  expect(second.current().certificates).toEqual(first.current().certificates);
  expect(node.joins).toEqual(['token-1']);
});

test('is renewed by itself at half life, whatever became of the token', async () => {
  const node = new Node();
  await using identity = await node.open();
  node.mark = undefined;
  const before = identity.current().certificates[0];
  await node.clock.advance(31 * minute);
  expect(node.renewals).toBe(1);
  expect(identity.current().certificates[0]).not.toBe(before);
  expect(node.joins).toEqual(['token-1']);
});

test('a new token goes before what was kept; where it is refused, what was kept serves', async () => {
  const node = new Node();
  await using first = await node.open();
  node.mark = 'token-2';
  await using second = await node.open();
  expect(node.joins).toEqual(['token-1', 'token-2']);
  node.mark = 'token-3';
  node.joining = refusal;
  await using third = await node.open();
  expect(third.current().certificates).toEqual(second.current().certificates);
  expect(first.current().certificates).not.toEqual(second.current().certificates);
});

test('a token that is refused later does not keep it from being renewed', async () => {
  const node = new Node();
  await using identity = await node.open();
  node.mark = 'token-2';
  node.joining = refusal;
  await node.clock.advance(31 * minute);
  expect(node.renewals).toBe(1);
  expect(identity.current().expiresAt > node.clock.now()).toBe(true);
});

test('refused by the authority, it never asks by the same certificate again, and waits for a new token', async () => {
  const node = new Node();
  await using identity = await node.open();
  identity.refuse('revoked');
  await node.clock.advance(5 * minute);
  expect([node.renewals, node.joins.length]).toEqual([0, 1]);
  expect(identity.refused).toBe('revoked');
  node.mark = 'token-2';
  await node.clock.advance(minute);
  expect(node.joins).toEqual(['token-1', 'token-2']);
  expect(identity.refused).toBeUndefined();
});

test('where joining can be repeated it does so, when refused and when it ran out', async () => {
  const node = new Node();
  node.once = false;
  node.mark = 'machine';
  await using identity = await node.open();
  identity.refuse('revoked');
  await node.clock.advance(1000);
  expect(node.joins).toHaveLength(2);
  node.joining = node.renewing = absence;
  await node.clock.advance(90 * minute);
  node.joining = undefined;
  await node.clock.advance(minute);
  expect(node.joins).toHaveLength(3);
});

test('waits for an authority that is away, and does not go on after a refusal', async () => {
  const node = new Node();
  node.joining = absence;
  const opening = node.open();
  await node.clock.advance(10 * minute);
  node.joining = undefined;
  await node.clock.advance(minute);
  await using _ = await opening;
  rmSync(file);
  node.joining = refusal;
  await expect(node.open()).rejects.toBe(refusal);
});
