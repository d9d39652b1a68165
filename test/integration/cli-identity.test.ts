import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { registration, runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { testWith } from '#test/fakes/installed.ts';
import { runVerb, type VerbRun } from '#test/fakes/run-verb.ts';

let running: RunningCa;
const out = mkdtempSync(join(tmpdir(), 'gcl-'));
beforeAll(async () => {
  running = await runCa({ policies: { 'known.yaml': registration('known', 'known', ['token:known']) } });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  rmSync(out, { recursive: true });
});

function garrison(args: readonly string[], stdin = '', cwd = running.folder): Promise<VerbRun> {
  return runVerb(args, { cwd, stdin });
}

const account = ['--service-account', 'shop/cart'];
const cart = 'spiffe://example.org/ns/shop/sa/cart';

describe('identity check-id', () => {
  test('says yes with exit 0 and no with exit 1', async () => {
    const yes = await garrison(['identity', 'check-id', 'spiffe://td/a', '--output', 'json']);
    expect(yes.code).toBe(0);
    expect(yes.json()).toEqual([{ id: 'spiffe://td/a', valid: true, trustDomain: 'td', path: '/a', reason: null }]);
    const no = await garrison(['identity', 'check-id', 'spiffe://td/a', 'spiffe://td/a/', '--output', 'json']);
    expect(no.code).toBe(1);
    expect(no.json()[1]).toMatchObject({ valid: false, trustDomain: null, path: null });
  });

  test('reads one a line, whatever the chunks, and takes a line as it is', async () => {
    const ran = await garrison(
      ['identity', 'check-id', '-', '--output', 'json'],
      'spiffe://td/a\nspiffe://td/b\r\n\nspiffe://td',
    );
    expect(ran.json().map(({ id, valid }) => [id, valid])).toEqual([
      ['spiffe://td/a', true],
      ['spiffe://td/b\r', false],
      ['', false],
      ['spiffe://td', true],
    ]);
  });

  test('without an ID is a usage error', async () => {
    expect((await garrison(['identity', 'check-id'])).code).toBe(2);
  });
});

describe('identity token create', () => {
  test('shows the token once, or writes it where others cannot read it', async () => {
    const shown = await garrison(['identity', 'token', 'create', ...account, '--output', 'json']);
    expect(shown.json()[0]).toMatchObject({ spiffeId: cart, name: null });
    expect(shown.json()[0]?.['token']).toMatch(/^gjt1\./);
    const file = join(out, 'token');
    const written = await garrison([
      'identity',
      'token',
      'create',
      '--name',
      'cart',
      '--out',
      file,
      '--output',
      'json',
    ]);
    expect(written.stdout).not.toMatch(/gjt1/);
    expect(written.json()[0]).toMatchObject({ name: 'cart', file });
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readFileSync(file, 'utf8')).toMatch(/^gjt1\..*\n$/);
  });

  test('a name that no Registration has is told of; the token is made, for one may come', async () => {
    const named = (name: string): Promise<VerbRun> => garrison(['identity', 'token', 'create', '--name', name]);
    const made = await named('nosuch');
    expect(made).toMatchObject({ code: 0, stdout: expect.stringMatching(/^gjt1\./) });
    expect(made.stderr).toContain('no Registration in force has the selector `token:nosuch`');
    expect(made.stderr).toContain('--selector token:nosuch');
    for (const good of [await named('known'), await garrison(['identity', 'token', 'create', ...account])]) {
      expect(good.code).toBe(0);
      expect(good.stderr).not.toContain('Registration');
    }
  });

  test.each([
    [[], /one of/],
    [[...account, '--name', 'x'], /one of/],
    [['--service-account', 'cart'], /namespace\/name/],
    [['--spiffe-id', 'spiffe://other.org/a'], /not of this trust domain/],
    [['--spiffe-id', 'spiffe://example.org'], /names a trust domain/],
    [[...account, '--ttl', 'soon'], /no duration/],
    [[...account, '--ttl', '100000h'], /cannot live/],
    [[...account, '--dns-name', 'a b'], /no DNS name/],
  ])('%j is refused with a reason', async (args, reason) => {
    const ran = await garrison(['identity', 'token', 'create', ...args]);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(reason);
  });
});

describe('identity mint, list and show', () => {
  testWith('openssl')('a minted certificate verifies, is listed, and can be shown by its serial', async () => {
    const folder = join(out, 'me');
    const minted = await garrison([
      'identity',
      'mint',
      ...account,
      '--dns-name',
      'cart.shop',
      '--out',
      folder,
      '--output',
      'json',
    ]);
    expect(minted.code).toBe(0);
    const [me] = minted.json();
    expect(statSync(join(folder, 'key.pem')).mode & 0o777).toBe(0o600);
    const chain = join(folder, 'certificate.pem');
    const args = ['verify', '-x509_strict', '-CAfile', join(folder, 'bundle.pem'), '-untrusted', chain, chain];
    expect(execFileSync('openssl', args, { encoding: 'utf8' })).toMatch(/OK/);
    const listed = await garrison(['identity', 'list', ...account, '--since', '1h', '--output', 'json']);
    expect(listed.json()[0]).toMatchObject({
      serial: me?.['serial'],
      spiffeId: cart,
      caller: 'admin',
      state: 'issued',
    });
    const shown = await garrison(['identity', 'show', String(me?.['serial']).toUpperCase(), '--output', 'json']);
    expect(shown.code).toBe(0);
    expect(readFileSync(chain, 'utf8').startsWith(String(shown.json()[0]?.['certificate']))).toBe(true);
  });

  test('what a folder holds already is replaced only for who says so', async () => {
    const folder = join(out, 'twice');
    const mint = (...more: string[]): Promise<VerbRun> =>
      garrison(['identity', 'mint', ...account, '--out', folder, ...more]);
    const issued = async (): Promise<number> =>
      (await garrison(['identity', 'list', ...account, '--output', 'json'])).json().length;
    const key = (): string => readFileSync(join(folder, 'key.pem'), 'utf8');
    expect(await mint()).toMatchObject({ code: 0 });
    const [first, before] = [key(), await issued()];
    const refused = await mint();
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain(`\`${join(folder, 'certificate.pem')}\` is there already`);
    expect(refused.stderr).toContain('`--force`');
    rmSync(join(folder, 'certificate.pem'));
    expect((await mint()).stderr).toContain(`\`${join(folder, 'key.pem')}\` is there already`);
    expect([key(), await issued()]).toEqual([first, before]);
    expect(await mint('--force')).toMatchObject({ code: 0 });
    expect(key()).not.toBe(first);
  });

  test('the list comes in pages as long as asked for', async () => {
    const all = (await garrison(['identity', 'list', '--output', 'json'])).json();
    const two = (await garrison(['identity', 'list', '--limit', '2', '--output', 'json'])).json();
    expect(two).toEqual(all.slice(0, 2));
    expect((await garrison(['identity', 'list', '--state', 'failed'])).stdout).toBe('');
    expect((await garrison(['identity', 'list', '--state', 'odd'])).code).toBe(2);
    expect((await garrison(['identity', 'list', '--since', 'odd'])).code).toBe(2);
  });

  test('a serial that nobody knows is exit 1', async () => {
    expect((await garrison(['identity', 'show', 'abcdef'])).code).toBe(1);
  });
});

test('identity bundle show prints the roots', async () => {
  const ran = await garrison(['identity', 'bundle', 'show']);
  expect(ran.stdout).toBe(readFileSync(join(running.state, 'bundle.pem'), 'utf8'));
});

test('without a running authority each verb says how to start it', async () => {
  for (const verb of [['list'], ['bundle', 'show'], ['token', 'create', ...account]]) {
    const ran = await garrison(['identity', ...verb], '', out);
    expect(ran.code).toBe(2);
    expect(ran.stderr).toMatch(/no certificate authority runs.*garrison up/);
  }
  expect(existsSync(join(out, '.garrison'))).toBe(false);
});
