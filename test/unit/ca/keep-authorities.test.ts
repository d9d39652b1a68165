import { describe, expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import { createLogger } from '#runtime/logger.ts';
import { Readiness } from '#runtime/readiness.ts';
import { Authorities, type Authority } from '#services/ca/authority/authorities.ts';
import type { AuthorityDesk } from '#services/ca/authority/authority-desk.ts';
import { keepAuthorities } from '#services/ca/authority/keep-authorities.ts';
import { RenewalTrouble } from '#services/ca/authority/renewal-trouble.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;

/** An authority below another one, whose intermediates come from a function that may fail. */
class Below implements AsyncDisposable {
  readonly clock = new TestClock();
  readonly readiness = new Readiness();
  readonly lines: string[] = [];
  /** When one was asked for, in seconds from the beginning. */
  readonly asked: number[] = [];
  away: string | undefined;
  lifeMs: number;
  /** Whether another process does first what is due here. */
  another = true;
  refreshed = 0;
  readonly #begin = this.clock.now().getTime();
  readonly #stop = new AbortController();
  readonly #authorities: Authorities;
  readonly trouble: RenewalTrouble;
  readonly #running: Promise<void>;

  constructor(lifeMs: number, shared = false) {
    this.lifeMs = lifeMs;
    this.#authorities = new Authorities([this.#fresh()], 1);
    this.trouble = new RenewalTrouble({ readiness: this.readiness }, this.#authorities);
    const desk = {
      refresh: () => {
        this.refreshed += 1;
        if (this.another) this.renew();
        else this.#authorities.replace(this.#authorities.all, 3);
        return Promise.resolve();
      },
      isRootElsewhere: () => Promise.resolve(false),
      renewIssuing: () => {
        this.asked.push((this.clock.now().getTime() - this.#begin) / second);
        if (this.away !== undefined) return Promise.reject(new GarrisonError('UNAVAILABLE', this.away));
        this.renew();
        return Promise.resolve();
      },
    } as unknown as AuthorityDesk;
    this.#running = keepAuthorities(this.#authorities, desk, {
      clock: this.clock,
      logger: createLogger({ write: (line) => this.lines.push(line) }),
      signal: this.#stop.signal,
      rules: { kind: 'upstream', leafMs: hour },
      trouble: this.trouble,
      ...(shared ? { alone: (work: () => Promise<void>) => work() } : {}),
    });
  }

  /** Somebody asked for a new one by hand. */
  renew(): void {
    this.#authorities.replace([this.#fresh()], 2);
  }

  #fresh(): Authority {
    const now = this.clock.now();
    const notBefore = new Date(now.getTime() - minute);
    const issuing = { validity: { notBefore, notAfter: new Date(now.getTime() + this.lifeMs) } };
    return { id: 'a', state: 'active', since: now, issuing, root: issuing } as unknown as Authority;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }
}

describe('an authority below another one', () => {
  test('asks when half of the life is left, not at the next full hour', async () => {
    await using below = new Below(90 * minute);
    await below.clock.advance(44 * minute);
    expect(below.asked).toEqual([]);
    await below.clock.advance(47 * minute);
    expect(below.asked).toEqual([45 * 60, 90 * 60]);
  });

  test('asks in time for one that came while it slept, with a shorter life', async () => {
    await using below = new Below(30 * 24 * hour);
    await below.clock.advance(10 * minute);
    below.lifeMs = 2 * minute;
    below.renew();
    await below.clock.advance(3 * minute);
    expect(below.asked).toEqual([660, 720, 780]);
    expect(below.readiness.missing).toEqual([]);
  });

  test('does not ask without pause where what it gets is half over at once', async () => {
    await using below = new Below(15 * second);
    await below.clock.advance(minute);
    expect(below.asked).toEqual([10, 20, 30, 40, 50, 60]);
  });

  test('asks once where another one on the same ledger asks at the same moment', async () => {
    await using below = new Below(90 * minute, true);
    await below.clock.advance(45 * minute);
    expect(below.asked).toEqual([]);
    expect(below.refreshed).toBe(1);
    await below.clock.advance(45 * minute);
    below.another = false;
    below.away = 'no connection';
    await below.clock.advance(50 * minute);
    expect(below.asked.length).toBeGreaterThan(2);
    expect(below.asked.length).toBeLessThan(20);
  });

  test('tries again until it works; says why once, on the page, and in readiness once nothing is signed', async () => {
    await using below = new Below(2 * minute);
    below.away = 'no connection';
    await below.clock.advance(110 * second);
    expect(below.asked.slice(0, 4)).toEqual([60, 61, 63, 67]);
    expect(below.trouble.current).toMatchObject({ step: 'renew-issuing', reason: 'no connection' });
    expect(below.readiness.missing).toEqual([]);
    await below.clock.advance(11 * second);
    expect(below.readiness.missing).toEqual(['the issuing certificate of `a` has ended: no connection']);
    expect(below.lines).toHaveLength(1);
    below.away = 'another reason';
    await below.clock.advance(hour);
    expect(below.readiness.missing).toEqual(['the issuing certificate of `a` has ended: another reason']);
    expect(below.lines).toHaveLength(2);
    below.away = undefined;
    await below.clock.advance(30 * second);
    expect(below.readiness.missing).toEqual([]);
    expect(below.trouble.current).toBeUndefined();
  });
});
