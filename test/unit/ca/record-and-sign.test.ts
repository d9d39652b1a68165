import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from '@jest/globals';
import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { openDatabase } from '#runtime/database.ts';
import { recordAndSign } from '#services/ca/issuing/record-and-sign.ts';
import { Underway } from '#services/ca/issuing/underway.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import type { Ledger } from '#services/ca/ledger/port.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { TestClock } from '#test/fakes/test-clock.ts';
import { leafPlan, newSigner, testAuthority, type TestAuthority } from '#test/fakes/test-authority.ts';

const clock = new TestClock();
const warrant = { caller: 'admin', grant: 'admin' };
let authority: TestAuthority;
beforeAll(async () => {
  authority = await testAuthority(clock.now());
});

/** A ledger on which one step fails. */
class FailingLedger extends MemoryLedger {
  readonly #fails: 'intend' | 'conclude';

  constructor(fails: 'intend' | 'conclude') {
    super();
    this.#fails = fails;
  }

  override intend(...args: Parameters<Ledger['intend']>): Promise<void> {
    return this.#fails === 'intend' ? Promise.reject(full()) : super.intend(...args);
  }

  override conclude(...args: Parameters<Ledger['conclude']>): Promise<void> {
    return this.#fails === 'conclude' ? Promise.reject(full()) : super.conclude(...args);
  }
}

const full = (): GarrisonError => new GarrisonError('UNAVAILABLE', 'the ledger cannot be written');

/** Signs, and remembers what the ledger held at that moment. */
function watched(signer: Signer, ledger: Ledger): { signer: Signer; statesSeen: string[] } {
  const statesSeen: string[] = [];
  const sign = async (message: Uint8Array): Promise<Uint8Array> => {
    statesSeen.push(...(await ledger.list({ limit: 10 })).map(({ state }) => state));
    return signer.sign(message);
  };
  return { signer: { ...signer, sign }, statesSeen };
}

describe('at the end of the process', () => {
  test('what was begun is signed and on the record before the ledger closes, and nothing is begun', async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'grs-')), 'ledger.db');
    const plan = leafPlan(authority, clock.now());
    const [asked, released] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
    const slow = async (message: Uint8Array): Promise<Uint8Array> => {
      asked.resolve(undefined);
      await released.promise;
      return authority.signer.sign(message);
    };
    const ending = new AsyncDisposableStack();
    const ledger = ending.use(new SqliteLedger(openDatabase(file, { durable: true })));
    const press = { ledger, clock, underway: ending.use(new Underway()) };
    const issuing = recordAndSign(press, plan, { ...authority.signer, sign: slow }, warrant);
    await asked.promise;
    const ended = ending.disposeAsync();
    await expect(
      recordAndSign(press, leafPlan(authority, clock.now()), authority.signer, warrant),
    ).rejects.toMatchObject({ code: 'UNAVAILABLE', message: 'the authority is ending' });
    released.resolve(undefined);
    const certificate = Buffer.from(await issuing);
    await ended;
    await using after = new SqliteLedger(openDatabase(file, { durable: true }));
    const all = await after.list({ limit: 10 });
    expect(all.map(({ serial, state }) => [serial, state])).toEqual([[plan.serial, 'issued']]);
    expect(certificate.equals(Buffer.from(all[0]?.certificate ?? []))).toBe(true);
  });
});

describe('no signature without its record:', () => {
  test('the intent is there when the signature is made, the outcome when it leaves', async () => {
    const ledger = new MemoryLedger();
    const { signer, statesSeen } = watched(authority.signer, ledger);
    const plan = leafPlan(authority, clock.now());
    const certificate = await recordAndSign({ ledger, clock }, plan, signer, warrant);
    expect(statesSeen).toEqual(['intended']);
    const entry = await ledger.find(plan.serial);
    expect(entry).toMatchObject({ state: 'issued', spiffeId: plan.id.toString(), caller: 'admin' });
    expect(Buffer.compare(entry?.certificate ?? new Uint8Array(), certificate)).toBe(0);
  });

  test('where the intent cannot be recorded nothing is signed', async () => {
    const ledger = new FailingLedger('intend');
    const { signer, statesSeen } = watched(authority.signer, ledger);
    const plan = leafPlan(authority, clock.now());
    await expect(recordAndSign({ ledger, clock }, plan, signer, warrant)).rejects.toMatchObject({
      code: 'UNAVAILABLE',
    });
    expect(statesSeen).toEqual([]);
  });

  test('where the outcome cannot be recorded nothing leaves', async () => {
    const ledger = new FailingLedger('conclude');
    const plan = leafPlan(authority, clock.now());
    const issued = recordAndSign({ ledger, clock }, plan, authority.signer, warrant);
    await expect(issued).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(await ledger.find(plan.serial)).toMatchObject({ state: 'intended' });
  });

  test('a signer that fails, or signs with another key, is on the record', async () => {
    const ledger = new MemoryLedger();
    const other = newSigner();
    for (const sign of [other.sign.bind(other), () => Promise.reject(new Error('the token was pulled out'))]) {
      const plan = leafPlan(authority, clock.now());
      const signer = { ...authority.signer, sign };
      await expect(recordAndSign({ ledger, clock }, plan, signer, warrant)).rejects.toThrow();
      expect(await ledger.find(plan.serial)).toMatchObject({ state: 'failed', certificate: undefined });
    }
  });

  test('a plan that breaks its profile is not even intended', async () => {
    const ledger = new MemoryLedger();
    const plan = leafPlan(authority, clock.now(), { dnsNames: ['not a name'] });
    await expect(recordAndSign({ ledger, clock }, plan, authority.signer, warrant)).rejects.toThrow(/DNS name/);
    expect(await ledger.list({ limit: 10 })).toEqual([]);
  });
});
