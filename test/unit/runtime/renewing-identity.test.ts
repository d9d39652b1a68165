import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { RenewingIdentity } from '#runtime/identity/renewing-identity.ts';
import { renewalTime, retryDelayMs } from '#runtime/identity/renewal-time.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const hour = 3_600_000;
const minute = 60_000;

function identity(clock: TestClock, name: string, lifeMs = hour): Identity {
  return {
    spiffeId: parseSpiffeId(`spiffe://td/${name}`),
    certificates: [name],
    privateKey: '',
    bundle: [],
    expiresAt: new Date(clock.now().getTime() + lifeMs),
  };
}

function start(renew: (clock: TestClock, attempt: number) => Identity) {
  const clock = new TestClock();
  let attempts = 0;
  const source = new RenewingIdentity(identity(clock, 'first'), {
    clock,
    logger: silentLogger,
    random: () => 0.5,
    renew: async () => {
      await Promise.resolve();
      attempts += 1;
      return renew(clock, attempts);
    },
  });
  return { clock, source, attempts: () => attempts };
}

describe('renewing', () => {
  test('happens at half life, again and again', async () => {
    const run = start((clock, attempt) => identity(clock, `next-${attempt}`));
    await using source = run.source;
    const seen: string[] = [];
    source.onChange(({ certificates }) => seen.push(certificates[0] ?? ''));
    await run.clock.advance(29 * minute);
    expect(source.current().certificates).toEqual(['first']);
    await run.clock.advance(2 * minute);
    expect(source.current().certificates).toEqual(['next-1']);
    await run.clock.advance(hour);
    expect(seen).toEqual(['next-1', 'next-2', 'next-3']);
  });

  test('keeps the last good one while it fails, and tries again sooner and sooner', async () => {
    const run = start((clock, attempt) => {
      if (attempt < 5) throw new Error('the authority is away');
      return identity(clock, 'next');
    });
    await using source = run.source;
    await run.clock.advance(30 * minute + 2000);
    expect(run.attempts()).toBe(2);
    expect(source.current().certificates).toEqual(['first']);
    await run.clock.advance(minute);
    expect(source.current().certificates).toEqual(['next']);
  });

  test('keeps it beyond its end too: the peer decides what it is worth', async () => {
    const run = start(() => {
      throw new Error('the authority is away');
    });
    await using source = run.source;
    await run.clock.advance(2 * hour);
    expect(source.current().certificates).toEqual(['first']);
    expect(run.attempts()).toBeGreaterThan(100);
  });

  test('happens at once when asked for', async () => {
    const run = start((clock) => identity(clock, 'next'));
    await using source = run.source;
    await run.clock.sleeping();
    source.renewNow();
    await run.clock.advance(0);
    expect(source.current().certificates).toEqual(['next']);
  });

  describe('when asked for while one is under way', () => {
    function underWay(names: readonly string[]) {
      const clock = new TestClock();
      const asked: ((answer: boolean) => void)[] = [];
      const source = new RenewingIdentity(identity(clock, 'old'), {
        clock,
        logger: silentLogger,
        random: () => 0.5,
        renew: async () => {
          const answer = Promise.withResolvers<boolean>();
          const name = names[asked.push(answer.resolve) - 1];
          if (name !== undefined) await answer.promise;
          return identity(clock, name ?? 'too many');
        },
      });
      return { clock, source, asked };
    }
    const isOld = ({ certificates }: Identity): boolean => certificates[0]?.startsWith('old') === true;

    test('happens once where what comes is good: tainted, then revoked', async () => {
      const { clock, source, asked } = underWay(['new']);
      await using _ = source;
      await clock.sleeping();
      source.renewWhere(isOld);
      source.renewWhere(isOld);
      await clock.advance(0);
      source.renewWhere(isOld);
      asked[0]?.(true);
      await clock.advance(minute);
      expect(source.current().certificates).toEqual(['new']);
      expect(asked).toHaveLength(1);
      source.renewWhere(isOld);
      await clock.advance(minute);
      expect(asked).toHaveLength(1);
    });

    test('happens once more where what comes is bad as well, and where nobody can tell', async () => {
      const { clock, source, asked } = underWay(['old-2', 'new', 'newer']);
      await using _ = source;
      await clock.sleeping();
      source.renewWhere(isOld);
      await clock.advance(0);
      source.renewWhere(isOld);
      asked[0]?.(true);
      await clock.advance(0);
      expect(asked).toHaveLength(2);
      source.renewNow();
      asked[1]?.(true);
      await clock.advance(0);
      asked[2]?.(true);
      await clock.advance(minute);
      expect(source.current().certificates).toEqual(['newer']);
      expect(asked).toHaveLength(3);
    });
  });

  test('follows a wall clock that jumps ahead', async () => {
    const run = start((clock) => identity(clock, 'next'));
    await using source = run.source;
    await run.clock.advance(3 * hour);
    expect(source.current().certificates).toEqual(['next']);
  });

  test('ends with its owner', async () => {
    const run = start((clock) => identity(clock, 'next'));
    await run.source[Symbol.asyncDispose]();
    await run.clock.advance(10 * hour);
    expect(run.attempts()).toBe(0);
  });
});

describe('times', () => {
  const now = new Date('2030-01-01T00:00:00Z');

  test('are spread around half life', () => {
    const end = new Date(now.getTime() + 100 * minute);
    const at = (random: number): number => (renewalTime(now, end, () => random).getTime() - now.getTime()) / minute;
    expect([at(0), at(0.5), at(1)].map(Math.round)).toEqual([45, 50, 55]);
    expect(renewalTime(end, now, () => 0.5)).toEqual(end);
  });

  test('of retries double, and are short when little time is left', () => {
    expect([1, 2, 3, 20].map((failures) => retryDelayMs(failures, hour))).toEqual([1000, 2000, 4000, 30_000]);
    expect(retryDelayMs(20, 5000)).toBe(500);
    expect(retryDelayMs(20, 10)).toBe(100);
    expect(retryDelayMs(20, -5)).toBe(30_000);
    expect(retryDelayMs(1, 0)).toBe(1000);
  });
});
