import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { silentLogger } from '#runtime/logger.ts';
import { Attestors } from '#services/workload/attest/attestors.ts';
import type { Attested } from '#services/workload/attest-unix.ts';
import { Changes } from '#services/workload/changes.ts';
import { followHolder, madeOnce } from '#services/workload/follow-holder.ts';
import { Holdings, type Holder, type Holding } from '#services/workload/holdings.ts';
import { Registrations } from '#services/workload/registrations.ts';
import { SvidKeeper } from '#services/workload/svid-keeper.ts';
import { aRegistration } from '#test/fakes/a-registration.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const hour = 3_600_000;

class World {
  readonly clock = new TestClock();
  readonly changes = new Changes();
  readonly registrations = new Registrations();
  readonly keeper: SvidKeeper;
  readonly holdings: Holdings;
  /** Of whom more than credentials was asked. */
  readonly looked: number[] = [];
  roots = [Buffer.from('root')];
  issued: string[] = [];

  constructor(...selectors: readonly string[]) {
    const { clock, changes, registrations } = this;
    this.registrations.onChange(() => changes.bump());
    this.registrations.replace(selectors.map((one) => forSelector(one)));
    const source = {
      issue: ({ spiffeId }: Registration) => Promise.resolve(this.#leaf(spiffeId)),
      mintJwt: () => Promise.reject(new Error('none')),
    };
    this.keeper = new SvidKeeper({ source, clock, logger: silentLogger, random: () => 0.5 });
    const trust = {
      trustDomain: parseTrustDomain('example.org'),
      bundle: () => this.roots,
      jwtKeys: () => [],
      foreign: () => new Map(),
    };
    const attestor = {
      ...{ name: 'more', prefixes: ['more:'], perProcess: false },
      attest: ({ pid }: { pid: number }) => Promise.resolve(this.looked.push(pid) > 0 ? ['more:here'] : []),
    };
    const attestors = new Attestors([attestor], silentLogger);
    const opened = (): (() => void) => () => undefined;
    this.holdings = new Holdings({ trust, registrations, changes, attestors, opened, keeper: this.keeper, clock });
  }

  #leaf(spiffeId: string) {
    this.issued.push(spiffeId);
    const notBefore = this.clock.now();
    const serial = String(this.issued.length);
    const notAfter = new Date(notBefore.getTime() + hour);
    return { serial, id: parseSpiffeId(spiffeId), notBefore, notAfter, chain: [], authority: 'a' };
  }

  open(...selectors: readonly string[]): Holder {
    return this.holdings.open(caller(...selectors));
  }
}

function forSelector(selector: string): Registration {
  const name = selector.replaceAll(':', '-');
  return { ...aRegistration(name), spiffeId: `spiffe://example.org/${name}`, selectors: [selector] };
}

function caller(...selectors: readonly string[]): Attested {
  return { selectors: new Set(selectors), unix: { uid: 1, gid: 1, pid: 1 }, caller: selectors.join() };
}

const serials = ({ svids }: Holding): string[] => svids.map(({ leaf }) => leaf.serial);

/** What a stream has been sent, up to now. */
function stream(holder: Holder): string[] {
  const sent: string[] = [];
  const write = madeOnce((holding: Holding) =>
    Buffer.from(`${serials(holding).join()} ${String(holding.trust.own.roots[0])}`),
  );
  void (async () => {
    const messages = followHolder(holder, new AbortController().signal, holder.holding, write);
    for await (const message of messages) sent.push(message.toString());
  })();
  return sent;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await setImmediate();
}

describe('callers of one kind', () => {
  test('hold the same thing, made once', async () => {
    const world = new World('unix:uid:1', 'unix:uid:2');
    const holders = [1, 2, 3].map(() => world.open('unix:gid:1', 'unix:uid:1'));
    const [first, ...others] = await Promise.all(holders.map((one) => one.holding()));
    expect(others).toEqual([first, first]);
    expect(new Set([first, ...others]).size).toBe(1);
    expect(world.issued).toEqual(['spiffe://example.org/unix-uid-1']);
  });

  test('are told of a renewal, and nobody else is', async () => {
    const world = new World('unix:uid:1', 'unix:uid:2');
    const one = stream(world.open('unix:uid:1'));
    await settled();
    await world.clock.advance(hour / 4);
    const other = world.open('unix:uid:2');
    const seen = stream(other);
    await settled();
    const before = other.changes.version;
    await world.clock.advance(hour / 4 + 1000);
    await settled();
    expect(one).toEqual(['1 root', '3 root']);
    expect(seen).toEqual(['2 root']);
    expect(other.changes.version).toBe(before);
  });

  test('are sent nothing when a change says nothing new', async () => {
    const world = new World('unix:uid:1');
    const holder = world.open('unix:uid:1');
    const sent = stream(holder);
    await settled();
    const holding = await holder.holding();
    world.registrations.replace([...(world.registrations.current ?? []), forSelector('unix:uid:7')]);
    await settled();
    expect(await holder.holding()).toBe(holding);
    expect(sent).toEqual(['1 root']);
    world.roots = [Buffer.from('next')];
    world.changes.bump();
    await settled();
    expect(sent).toEqual(['1 root', '1 next']);
  });

  test('are nobody until a registration is for them', async () => {
    const world = new World('unix:uid:2');
    using holder = world.open('unix:uid:1');
    await expect(holder.holding()).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
    world.registrations.replace([forSelector('unix:uid:1')]);
    expect(serials(await holder.holding())).toEqual(['1']);
  });

  test('need no SVID to be told whom to believe', async () => {
    const world = new World('unix:uid:1');
    using holder = world.open('unix:uid:1');
    expect((await holder.standing()).trust.own.roots).toEqual(world.roots);
    expect(world.issued).toEqual([]);
  });

  test('keep their SVIDs fresh only while one of them listens', async () => {
    const world = new World('unix:uid:1');
    const holders = [1, 2].map(() => world.open('unix:uid:1'));
    for (const one of holders) await one.holding();
    holders[0]?.[Symbol.dispose]();
    expect(world.keeper.size).toEqual({ kept: 1, held: 1 });
    holders[1]?.[Symbol.dispose]();
    expect(world.keeper.size).toEqual({ kept: 1, held: 0 });
    using again = world.open('unix:uid:1');
    expect(serials(await again.holding())).toEqual(['1']);
  });

  test('are looked at anew by one who is still there', async () => {
    const world = new World('unix:uid:1');
    const [first, second] = [1, 2].map((pid) =>
      world.holdings.open({ ...caller('unix:uid:1'), unix: { uid: 1, gid: 1, pid } }),
    );
    await first?.holding();
    await second?.holding();
    first?.[Symbol.dispose]();
    world.registrations.replace([forSelector('unix:uid:1'), forSelector('more:here')]);
    expect((await second?.holding())?.svids).toHaveLength(2);
    expect(world.looked).toEqual([2]);
  });

  test('that have gone before their SVID was there leave nothing behind', async () => {
    const world = new World('unix:uid:1');
    const holder = world.open('unix:uid:1');
    const holding = holder.holding();
    holder[Symbol.dispose]();
    await holding.catch(() => undefined);
    await settled();
    expect(world.keeper.size.held).toBe(0);
  });
});

test('what all must have is asked for, whatever selector a registration is filed under', async () => {
  const world = new World();
  const both = { ...aRegistration('both'), selectors: ['unix:uid:1', 'unix:path:/bin/a'] };
  const uid = { ...aRegistration('uid'), selectors: ['unix:uid:1'] };
  const nobody = { ...aRegistration('nobody'), selectors: [] };
  world.registrations.replace([both, uid, nobody]);
  const names = async (...selectors: string[]): Promise<string[]> => {
    using holder = world.open(...selectors);
    return (await holder.standing()).registrations.map(({ metadata }) => metadata.name);
  };
  expect(await names('unix:uid:1')).toEqual(['uid']);
  expect(await names('unix:path:/bin/a', 'unix:uid:1')).toEqual(['both', 'uid']);
  await expect(names('unix:path:/bin/a')).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});
