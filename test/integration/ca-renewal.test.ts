import { X509Certificate } from 'node:crypto';
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createLogger } from '#runtime/logger.ts';
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

const authorities = async (): Promise<Record<string, unknown>[]> =>
  (await garrison('identity', 'authorities', '--output', 'json')).json();

describe('an authority whose root ends, and its key is away', () => {
  const ceremony = (name: string, rootLife: string): void => {
    const text = [
      'trustDomain: example.org',
      `state: ./${name}/state`,
      `report: ./${name}/report.json`,
      `root: { life: ${rootLife}, folder: ./${name}/root, passphraseFile: ./pass }`,
      `issuing: { life: ${rootLife}, passphraseFile: ./pass }`,
    ];
    writeFileSync(at(`${name}.yaml`), text.join('\n'));
  };
  beforeEach(async () => {
    rmSync(at('state'), { recursive: true });
    ceremony('first', '240h');
    expect(await garrison('identity', 'init', '--from', 'first.yaml')).toMatchObject({ code: 0 });
    renameSync(at('first/state'), at('state'));
  });

  test('gets no root whose key is here by itself: it is told what to do, and done by who asks for it', async () => {
    const lines: string[] = [];
    const logger = createLogger({ write: (line) => lines.push(line) });
    await using running = await runCa({ folder, clock, logger, passphrase: 'correct horse', settings: { ttl } });
    expect(await page(running, 'metrics')).toContain('garrison_ca_renewal_trouble 0');
    await clock.advance(121 * hour);
    const due = await dueOf(running);
    expect(due?.step).toBe('replace-root');
    expect(due?.reason).toMatch(
      /^the root `.*` ends at .* and its key is kept elsewhere: no other root is made by itself/,
    );
    expect(due?.reason).toContain('garrison identity init --from CEREMONY');
    expect(due?.reason).toContain('garrison identity rotate --new-root');
    expect(await page(running, 'metrics')).toContain('garrison_ca_renewal_trouble 1');
    expect(lines.join('')).toContain('"event":"the root ends and is not replaced by itself"');
    // A key that is brought back for one signature is none that lives here.
    const [id = ''] = readdirSync(join(running.state, 'ca/authorities'));
    const place = join(running.state, 'ca/authorities', id, 'root-key.pem');
    copyFileSync(at('first/root/root-key.pem'), place);
    await clock.advance(2 * hour);
    expect(await authorities()).toHaveLength(1);
    rmSync(place);
    await clock.advance(120 * hour);
    expect(await authorities()).toHaveLength(1);
    expect(await page(running, 'readyz')).toMatch(/has ended: the root .* no other root is made by itself/);
    expect(await garrison('identity', 'rotate', '--new-root', '--wait', '0s')).toMatchObject({ code: 0 });
    expect(await page(running, 'readyz')).not.toContain('has ended');
    expect(await dueOf(running)).toBeNull();
  }, 60_000);

  test('is followed by the intermediate of another ceremony, plugged in: both roots are trusted', async () => {
    const roots = async (): Promise<number> =>
      (await garrison('identity', 'bundle', 'show')).stdout.split('BEGIN CERTIFICATE').length - 1;
    {
      await using _ = await runCa({ folder, clock, passphrase: 'correct horse', settings: { ttl } });
      expect(await roots()).toBe(1);
    }
    ceremony('second', '87600h');
    expect(await garrison('identity', 'init', '--from', 'second.yaml')).toMatchObject({ code: 0 });
    const [id = ''] = readdirSync(at('second/state/ca/authorities'));
    const from = (name: string): string => join(at('second/state/ca/authorities'), id, name);
    mkdirSync(at('plugged-in'));
    copyFileSync(from('issuing.pem'), at('plugged-in/ca-cert.pem'));
    copyFileSync(from(issuingKeyIn(from('.'))), at('plugged-in/ca-key.pem'));
    copyFileSync(from('root.pem'), at('plugged-in/root-cert.pem'));
    const settings = { ttl, pluggedIn: at('plugged-in') };
    await using _ = await runCa({ folder, clock, passphrase: 'correct horse', settings });
    expect((await authorities()).map(({ state }) => state).sort()).toEqual(['active', 'old']);
    expect(await roots()).toBe(2);
    expect(await garrison('identity', 'mint', '--service-account', 'a/b', '--out', at('me'))).toMatchObject({
      code: 0,
    });
    const leaf = new X509Certificate(readFileSync(at('me/certificate.pem')));
    expect(leaf.checkIssued(new X509Certificate(readFileSync(from('issuing.pem'))))).toBe(true);
  }, 60_000);
});

const issuingKeyIn = (authority: string): string =>
  readdirSync(authority).find((name) => /^issuing.*key/.test(name)) ?? 'none';

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
