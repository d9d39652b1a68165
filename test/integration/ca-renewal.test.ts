import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const hour = 3_600_000;
/** Long, so that a day of the clock is not a day of renewals. */
const ttl = { defaultSeconds: 86_400, maxSeconds: 86_400 };
let folder: string;
let clock: TestClock;
const at = (name: string): string => join(folder, name);

interface Status {
  readonly due: { readonly step: string; readonly reason: string } | null;
}

async function page(running: RunningCa, name: string): Promise<string> {
  const { caAdmin } = running.ca.addresses;
  if (!('port' in caAdmin)) throw new Error('no port');
  return (await fetch(`http://127.0.0.1:${caAdmin.port}/${name}`)).text();
}

const dueOf = async (running: RunningCa): Promise<Status['due']> =>
  (JSON.parse(await page(running, 'status')) as Status).due;

const garrison = (...args: string[]): Promise<VerbRun> => runVerb(args, { cwd: folder });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'grn-'));
  clock = new TestClock(new Date().toISOString());
  const lines = [
    'trustDomain: example.org',
    'state: ./state',
    'report: ./report.json',
    'root: { folder: ./root, passphraseFile: ./pass }',
    'issuing: { life: 24h, passphraseFile: ./pass }',
  ];
  writeFileSync(at('ceremony.yaml'), lines.join('\n'));
  writeFileSync(at('pass'), 'correct horse\n', { mode: 0o600 });
  expect(await garrison('identity', 'init', '--from', 'ceremony.yaml')).toMatchObject({ code: 0 });
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('an authority whose root is away', () => {
  test('says that an intermediate is due and whose key it needs; not ready when it has ended; over when it was signed', async () => {
    await using running = await runCa({ folder, clock, passphrase: 'correct horse', settings: { ttl } });
    expect(await dueOf(running)).toBeNull();
    await clock.advance(17 * hour);
    const due = await dueOf(running);
    expect(due).toMatchObject({ step: 'renew-issuing' });
    expect(due?.reason).toContain('the key of the root');
    expect(due?.reason).toContain('--from CEREMONY');
    expect(await page(running, 'readyz')).not.toContain('has ended');
    await clock.advance(8 * hour);
    expect(await page(running, 'readyz')).toMatch(
      /the issuing certificate of `[0-9a-f]+` has ended: .*the key of the root/,
    );
    const signed = await garrison('identity', 'rotate', '--issuing', '--from', 'ceremony.yaml');
    expect(signed).toMatchObject({ code: 0 });
    expect(await dueOf(running)).toBeNull();
    expect(await page(running, 'readyz')).not.toContain('has ended');
  }, 60_000);
});
