import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { silentLogger } from '#runtime/logger.ts';
import { SvidKeeper } from '#services/workload/svid-keeper.ts';
import type { Leaf } from '#services/workload/svid-source.ts';
import { aRegistration } from '#test/fakes/a-registration.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const hour = 3_600_000;
const minute = 60_000;

class Source {
  readonly clock = new TestClock();
  readonly keeper: SvidKeeper;
  issued = 0;
  asked = 0;
  authority = 'first';
  away = false;

  constructor(maxIdle?: number) {
    this.keeper = new SvidKeeper({
      source: { issue: (registration) => this.#issue(registration), mintJwt: () => Promise.reject(new Error('none')) },
      clock: this.clock,
      logger: silentLogger,
      random: () => 0.5,
      ...(maxIdle === undefined ? {} : { maxIdle }),
    });
  }

  async #issue({ spiffeId }: Registration): Promise<Leaf> {
    this.asked += 1;
    for (let turn = 0; turn < 10; turn += 1) await Promise.resolve();
    if (this.away) throw new Error('away');
    this.issued += 1;
    const now = this.clock.now();
    return {
      serial: String(this.issued),
      id: parseSpiffeId(spiffeId),
      notBefore: now,
      notAfter: new Date(now.getTime() + hour),
      chain: [],
      authority: this.authority,
    };
  }

  async serial(name: string): Promise<string> {
    const { svid, release } = await this.keeper.lease(aRegistration(name), 'test');
    release();
    return svid.leaf.serial;
  }
}

describe('an SVID', () => {
  test('is made once for all who ask at the same time, and shared', async () => {
    const source = new Source();
    const leases = await Promise.all([1, 2, 3].map(() => source.keeper.lease(aRegistration('a'), 'test')));
    expect(new Set(leases.map(({ svid }) => svid)).size).toBe(1);
    expect(source.issued).toBe(1);
  });

  test('is renewed at half life while somebody holds it, and told', async () => {
    const source = new Source();
    let told = 0;
    const { release } = await source.keeper.lease(aRegistration('a'), 'test', () => (told += 1));
    await source.keeper.lease(aRegistration('a'), 'test');
    await source.clock.advance(29 * minute);
    expect(source.issued).toBe(1);
    await source.clock.advance(2 * minute);
    expect(source.issued).toBe(2);
    expect(told).toBe(1);
    expect(await source.serial('a')).toBe('2');
    release();
    await source.clock.advance(31 * minute);
    expect([source.issued, told]).toEqual([3, 1]);
  });

  test('is forgotten at half life when nobody holds it', async () => {
    const source = new Source();
    expect(await source.serial('a')).toBe('1');
    await source.clock.advance(20 * minute);
    expect(await source.serial('a')).toBe('1');
    await source.clock.advance(11 * minute);
    expect(source.keeper.size).toEqual({ kept: 0, held: 0 });
    expect(await source.serial('a')).toBe('2');
  });

  test('that nobody holds makes room for others, the longest unused first', async () => {
    const source = new Source(2);
    const held = await source.keeper.lease(aRegistration('held'), 'test');
    for (const name of ['a', 'b', 'a', 'c']) await source.serial(name);
    expect(source.keeper.size).toEqual({ kept: 3, held: 1 });
    expect(source.issued).toBe(4);
    await source.serial('a');
    expect(source.issued).toBe(4);
    await source.serial('b');
    expect(source.issued).toBe(5);
    held.release();
    held.release();
    expect(source.keeper.size.held).toBe(0);
  });

  test('that could not be had is asked for again by whoever comes next', async () => {
    const source = new Source();
    source.away = true;
    await expect(source.serial('a')).rejects.toThrow('away');
    expect(source.keeper.size.kept).toBe(0);
    source.away = false;
    expect(await source.serial('a')).toBe('1');
  });

  test('stays as it is while the authority is away, and is renewed when that is back', async () => {
    const source = new Source();
    await source.keeper.lease(aRegistration('a'), 'test');
    source.away = true;
    await source.clock.advance(45 * minute);
    expect(await source.serial('a')).toBe('1');
    source.away = false;
    await source.clock.advance(minute);
    expect(await source.serial('a')).toBe('2');
  });
});

describe('what stands on a spent authority', () => {
  test('is made anew at once, where it is held; what is not held is forgotten', async () => {
    const source = new Source();
    await source.keeper.lease(aRegistration('a'), 'test');
    await source.serial('idle');
    source.authority = 'second';
    await source.keeper.lease(aRegistration('fresh'), 'test');
    await source.keeper.renewUnder(new Set(['first']));
    await source.clock.advance(0);
    expect(source.issued).toBe(4);
    expect(source.keeper.size.kept).toBe(2);
    expect(await source.serial('a')).toBe('4');
    expect(await source.serial('fresh')).toBe('3');
  });

  test('is made anew once, though it is said again while that is under way', async () => {
    const source = new Source();
    await source.keeper.lease(aRegistration('a'), 'test');
    source.authority = 'second';
    await source.keeper.renewUnder(new Set(['first']));
    // The wake has been heard by now, the new one has not come yet.
    while (source.asked < 2) await Promise.resolve();
    void source.keeper.renewUnder(new Set(['first']));
    await source.clock.advance(minute);
    expect(source.issued).toBe(2);
  });

  test('is tried again until it succeeds', async () => {
    const source = new Source();
    await source.keeper.lease(aRegistration('a'), 'test');
    source.away = true;
    source.authority = 'second';
    await source.keeper.renewUnder(new Set(['first']));
    await source.clock.advance(10_000);
    expect(source.issued).toBe(1);
    source.away = false;
    await source.clock.advance(minute);
    expect(source.issued).toBe(2);
  });

  test('is not asked for without end when the authority goes on signing with it', async () => {
    const source = new Source();
    await source.keeper.lease(aRegistration('a'), 'test');
    await source.keeper.renewUnder(new Set(['first']));
    await source.clock.advance(minute);
    expect(source.issued).toBeLessThan(10);
  });
});
