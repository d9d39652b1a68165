import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { runCa } from '#test/fakes/running-ca.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

const plan = `trustDomain: example.org
state: ./state
report: ./report.json
witnesses: [ Ada, Grace ]
root: { folder: ./root, passphraseFile: ./root-passphrase }
issuing: { life: 720h, passphraseFile: ./passphrase }
`;
interface Report {
  readonly authority: string;
  readonly input: unknown;
  readonly root: { readonly sha256: string };
}

let folder: string;
const at = (...names: string[]): string => join(folder, ...names);
const garrison = (...args: string[]): Promise<VerbRun> => runVerb(args, { cwd: folder });

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gcy-'));
  writeFileSync(at('ceremony.yaml'), plan);
  writeFileSync(at('root-passphrase'), 'held by two\n', { mode: 0o600 });
  writeFileSync(at('passphrase'), 'of the authority\n', { mode: 0o600 });
});
afterEach(() => rmSync(folder, { recursive: true }));

function openssl(...args: string[]): { status: number | null; stdout: string } {
  return spawnSync('openssl', args, { encoding: 'utf8', cwd: folder });
}

describe('identity init', () => {
  test('makes root and intermediate from one file, with a report that OpenSSL and garrison verify', async () => {
    const made = await garrison('identity', 'init', '--from', 'ceremony.yaml', '--output', 'json');
    expect(made).toMatchObject({ code: 0 });
    const report = JSON.parse(readFileSync(at('report.json'), 'utf8')) as Report;
    expect(made.json()[0]).toEqual(report);
    expect(report).toMatchObject({
      kind: 'garrison.ceremony/v1',
      witnesses: ['Ada', 'Grace'],
      trustDomain: 'example.org',
    });
    const [sum] = openssl('dgst', '-sha256', '-r', 'ceremony.yaml').stdout.split(' ');
    expect(report.input).toEqual({ file: 'ceremony.yaml', sha256: sum });

    openssl('x509', '-in', 'root/root.pem', '-pubkey', '-noout', '-out', 'root.pub');
    expect(
      openssl('dgst', '-sha256', '-verify', 'root.pub', '-signature', 'report.json.sig', 'report.json'),
    ).toMatchObject({
      status: 0,
      stdout: 'Verified OK\n',
    });
    const verified = await garrison('identity', 'init', '--verify', 'report.json', '--root', 'root/root.pem');
    expect(verified).toMatchObject({ code: 0, stdout: expect.stringContaining(`SHA-256 ${report.root.sha256}`) });

    // The root's key is encrypted, with its own passphrase, and nowhere in the state folder.
    const key = readFileSync(at('root', 'root-key.pem'), 'utf8');
    expect(key).toContain('BEGIN ENCRYPTED PRIVATE KEY');
    expect(statSync(at('root', 'root-key.pem')).mode & 0o777).toBe(0o600);
    expect(openssl('pkey', '-in', 'root/root-key.pem', '-passin', 'file:root-passphrase', '-noout').status).toBe(0);
    expect(openssl('pkey', '-in', 'root/root-key.pem', '-passin', 'file:passphrase', '-noout').status).not.toBe(0);
    expect(existsSync(at('state', 'ca', 'authorities', report.authority, 'root-key.pem'))).toBe(false);
  });

  test('the authority signs without the root’s key, and says what it needs when an intermediate is due', async () => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    renameSync(at('root'), at('safe'));
    await using _ = await runCa({ folder, passphrase: 'of the authority' });
    const [minted] = (
      await garrison('identity', 'mint', '--service-account', 'shop/me', '--out', at('me'), '--output', 'json')
    ).json();
    expect(minted).toBeDefined();
    expect(
      openssl('verify', '-CAfile', 'safe/root.pem', '-untrusted', 'me/certificate.pem', 'me/certificate.pem').status,
    ).toBe(0);
    const records = (
      await garrison('identity', 'list', '--spiffe-id', 'spiffe://example.org', '--output', 'json')
    ).json();
    expect(records.map(({ profile, state }) => [profile, state])).toEqual([
      ['intermediate', 'issued'],
      ['root', 'issued'],
    ]);

    const due = await garrison('identity', 'rotate', '--issuing');
    expect(due.code).toBe(2);
    expect(due.stderr).toContain('the key of the root `O=Garrison, CN=example.org root');
    expect(due.stderr).toContain('--from');
    const away = await garrison('identity', 'rotate', '--issuing', '--from', 'ceremony.yaml');
    expect(away.code).toBe(2);
    expect(away.stderr).toContain(`the key of the root is needed, and \`${at('root', 'root-key.pem')}\` is not there`);
    expect(away.stderr).toContain(`bring it back to \`${at('root')}\``);

    // Brought back for one signature: the key is used where the operator is, not where the authority runs.
    renameSync(at('safe'), at('root'));
    const renewed = await garrison('identity', 'rotate', '--issuing', '--from', 'ceremony.yaml', '--output', 'json');
    expect(renewed).toMatchObject({ code: 0 });
    await garrison('identity', 'mint', '--service-account', 'shop/you', '--out', at('you'));
    expect(
      openssl('verify', '-CAfile', 'root/root.pem', '-untrusted', 'you/certificate.pem', 'you/certificate.pem').status,
    ).toBe(0);
    const after = (
      await garrison('identity', 'list', '--spiffe-id', 'spiffe://example.org', '--state', 'issued', '--output', 'json')
    ).json();
    expect(after.map(({ profile }) => profile)).toEqual(['intermediate', 'intermediate', 'root']);
  }, 30_000);

  test('a new root, whose key would be kept by the authority, is made only for who asks for it', async () => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    await using _ = await runCa({ folder, passphrase: 'of the authority' });
    const roots = async (): Promise<number> =>
      (await garrison('identity', 'authorities', '--output', 'json')).json().length;
    for (const more of [[], ['--prepare']]) {
      const refused = await garrison('identity', 'rotate', '--wait', '0s', ...more);
      expect(refused.code).toBe(2);
      expect(refused.stderr).toContain('is kept elsewhere');
      expect(refused.stderr).toContain('garrison identity rotate --issuing --from CEREMONY');
      expect(refused.stderr).toContain('--new-root');
    }
    expect(await roots()).toBe(1);
    expect(await garrison('identity', 'rotate', '--new-root', '--issuing')).toMatchObject({ code: 2 });
    expect(await garrison('identity', 'rotate', '--wait', '0s', '--new-root')).toMatchObject({ code: 0 });
    expect(await roots()).toBe(2);
    // That one's key is here: what follows it is no surprise.
    expect(await garrison('identity', 'rotate', '--wait', '0s')).toMatchObject({ code: 0 });
  });

  test.each([
    ['the report', 'report.json', (text: string) => text.replace('Ada', 'Eve'), /not the root’s/],
    [
      'the trust domain told',
      'report.json',
      (text: string) => text.replace('"example.org"', '"example.com"'),
      /not the root’s/,
    ],
  ])('who changes %s is found out', async (_, file, change, why) => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    writeFileSync(at(file), change(readFileSync(at(file), 'utf8')));
    const ran = await garrison('identity', 'init', '--verify', 'report.json');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(why);
  });

  test('a report that only its own root vouches for is consistent, and not verified', async () => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    const { root } = JSON.parse(readFileSync(at('report.json'), 'utf8')) as Report;
    const ran = await garrison('identity', 'init', '--verify', 'report.json');
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/^not proven: .*consistent in itself.*`--root`/);
    expect(ran.stdout).toContain(`SHA-256 ${root.sha256}`);
    const told = await garrison('identity', 'init', '--verify', 'report.json', '--output', 'json');
    expect(told).toMatchObject({ code: 1 });
    expect(told.json()).toMatchObject([{ verified: false, consistent: true, root: root.sha256 }]);
    const proven = await garrison(
      'identity',
      'init',
      '--verify',
      'report.json',
      '--root',
      'root/root.pem',
      '--output',
      'json',
    );
    expect(proven.json()).toMatchObject([{ verified: true, consistent: true, faults: [] }]);
  });

  test('a report of another root is not verified against this one, and no report is an error', async () => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    openssl(
      'req',
      '-x509',
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      'k',
      '-out',
      'other.pem',
      '-subj',
      '/CN=x',
    );
    const other = await garrison('identity', 'init', '--verify', 'report.json', '--root', 'other.pem');
    expect(other).toMatchObject({ code: 1, stdout: expect.stringContaining('another root') });
    expect(await garrison('identity', 'init', '--verify', 'ceremony.yaml')).toMatchObject({ code: 2 });
  });

  test('a passphrase that others may read is told of', async () => {
    chmodSync(at('root-passphrase'), 0o644);
    const told = `others may read the file of \`root.passphraseFile\`, \`${at('root-passphrase')}\` (mode 0644)`;
    const made = await garrison('identity', 'init', '--from', 'ceremony.yaml');
    expect(made).toMatchObject({ code: 0, stderr: expect.stringContaining(told) });
    expect(made.stderr).toContain(`chmod 600 ${at('root-passphrase')}`);
    expect(made.stderr).not.toContain('issuing.passphraseFile');
  });

  test('is done once: what is there is not overwritten', async () => {
    await garrison('identity', 'init', '--from', 'ceremony.yaml');
    const report = readFileSync(at('report.json'), 'utf8');
    const again = await garrison('identity', 'init', '--from', 'ceremony.yaml');
    expect(again).toMatchObject({ code: 2, stderr: expect.stringContaining('is there already') });
    writeFileSync(at('ceremony.yaml'), plan.replace('report.json', 'second.json').replace('./root,', './second,'));
    const second = await garrison('identity', 'init', '--from', 'ceremony.yaml');
    expect(second.stderr).toContain('holds an authority already');
    expect(readFileSync(at('report.json'), 'utf8')).toBe(report);
  });

  test.each([
    [
      'no passphrase for the root',
      plan.replace(', passphraseFile: ./root-passphrase', ''),
      /never written in the clear/,
    ],
    ['an unknown key', `${plan}colour: red\n`, /colour/],
    ['no trust domain', plan.replace(/^trustDomain.*\n/, ''), /trustDomain/],
    ['a passphrase file that is not there', plan.replace('./root-passphrase', './nowhere'), /nowhere` cannot be read/],
  ])('%s: refused', async (_, text, why) => {
    writeFileSync(at('ceremony.yaml'), text);
    const ran = await garrison('identity', 'init', '--from', 'ceremony.yaml');
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(why);
    expect(existsSync(at('report.json'))).toBe(false);
  });
});
