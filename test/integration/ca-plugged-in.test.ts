import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { decodePems } from '#ca/pem.ts';
import { parseTrustDomain } from '#ca/spiffe-id.ts';
import { readPluggedIn } from '#services/ca/plugged-in/read-plugged-in.ts';
import { lookIntoFolder } from '#services/ca/plugged-in/look-into-folder.ts';
import { OpensslAuthority, plugIn } from '#test/fakes/openssl-authority.ts';
import { runCa, type RunningCa } from '#test/fakes/running-ca.ts';
import { runVerb } from '#test/fakes/run-verb.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

const corp = new OpensslAuthority();
const first = corp.root('first root');
const second = corp.root('second root', 'ec');
const issuing = corp.under(first, 'issuing 1', { pathLength: 0 });
const sameRoot = corp.under(first, 'issuing 2');
const otherRoot = corp.under(second, 'issuing 3', { uri: 'spiffe://example.org' });
let folder: string;
let files: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'gca-'));
  files = join(folder, 'cacerts');
  mkdirSync(files);
});
afterEach(() => rmSync(folder, { recursive: true }));
afterAll(() => corp[Symbol.dispose]());

describe('files that somebody plugs in', () => {
  const read = () =>
    readPluggedIn(lookIntoFolder(files), {
      trustDomain: parseTrustDomain('example.org'),
      passphrase: undefined,
      now: new Date(),
    });

  test('are taken together: chain, key and every root', () => {
    plugIn(files, issuing, [first, second], { 'cert-chain.pem': issuing.certificate + first.certificate });
    const { chain, roots, signer } = read();
    expect(chain.issuing.certificate.subject).toContain('CN=issuing 1');
    expect(chain.above).toHaveLength(0);
    expect(roots).toHaveLength(2);
    expect(signer?.publicKey.type).toBe('rsa');
  });

  test('may be a root that signs by itself, and a chain of three', () => {
    plugIn(files, second, [second], { 'cert-chain.pem': undefined });
    expect(read().chain.issuing.certificate.subject).toContain('second root');
    const middle = corp.under(first, 'middle', { pathLength: 1 });
    const low = corp.under(middle, 'low', { pathLength: 0 });
    plugIn(files, low, [first], { 'cert-chain.pem': low.certificate + middle.certificate });
    expect(read().chain.above).toHaveLength(1);
  });

  const middle = corp.under(first, 'middle', { pathLength: 0 });
  const tooDeep = corp.under(middle, 'too deep');
  test.each<[string, Record<string, string | undefined>, RegExp]>([
    ['no certificate', { 'ca-cert.pem': undefined }, /`ca-cert.pem` is not there/],
    ['no roots', { 'root-cert.pem': undefined }, /`root-cert.pem` is not there/],
    ['two certificates', { 'ca-cert.pem': issuing.certificate + first.certificate }, /more than one certificate/],
    ['rubbish', { 'root-cert.pem': 'rubbish' }, /`root-cert.pem` is not PEM/],
    ['the key of another', { 'ca-key.pem': sameRoot.key }, /not the key of `ca-cert.pem`/],
    ['no key at all in it', { 'ca-key.pem': 'rubbish' }, /no private key/],
    [
      'the root of another',
      { 'root-cert.pem': second.certificate },
      /`ca-cert.pem`: the chain of the authority does not lead to the root/,
    ],
    ['a revocation list', { 'ca-crl.pem': 'anything' }, /revocation lists are not read/],
    [
      'a chain that is broken',
      { 'cert-chain.pem': issuing.certificate + otherRoot.certificate },
      /does not lead|breaks/,
    ],
  ])('%s: refused', (_, more, why) => {
    plugIn(files, issuing, [first], more);
    expect(read).toThrow(why);
  });

  test('a leaf, a foreign trust domain, a path that is too long, one that has ended, a key for all to read: refused', () => {
    plugIn(files, corp.under(first, 'leaf', { ca: false }), [first]);
    expect(read).toThrow(/not one of a certificate authority/);
    plugIn(files, corp.under(first, 'foreign', { uri: 'spiffe://elsewhere.org' }), [first]);
    expect(read).toThrow(/is of `spiffe:\/\/elsewhere.org`/);
    plugIn(files, tooDeep, [first], { 'cert-chain.pem': tooDeep.certificate + middle.certificate });
    expect(read).toThrow(/is longer than `O=Corp, CN=middle` allows/);
    plugIn(files, corp.under(first, 'over', { days: -1 }), [first]);
    expect(read).toThrow(/is not valid now: `O=Corp, CN=over`/);
    plugIn(files, issuing, [first]);
    chmodSync(join(files, 'ca-key.pem'), 0o604);
    expect(read).toThrow(/everybody may read the private key/);
  });
});

interface Status {
  readonly authorities: readonly { readonly id: string; readonly state: string; readonly signs: boolean }[];
  readonly authoritiesFrom: { readonly refusal: { readonly reason: string } | null };
}

describe('a plugged-in authority', () => {
  let clock: TestClock;
  beforeAll(() => {
    clock = new TestClock(new Date().toISOString());
  });

  async function start(): Promise<RunningCa> {
    return runCa({ folder, clock, settings: { pluggedIn: files } });
  }

  async function status(running: RunningCa): Promise<Status> {
    const { caAdmin } = running.ca.addresses;
    if (!('port' in caAdmin)) throw new Error('no port');
    return (await (await fetch(`http://127.0.0.1:${caAdmin.port}/status`)).json()) as Status;
  }

  const mint = async (): Promise<{ chain: X509Certificate[]; bundle: string[] }> => {
    const out = join(folder, 'me');
    const args = ['--service-account', 'shop/me', '--out', out, '--force'];
    const ran = await runVerb(['identity', 'mint', ...args], { cwd: folder });
    expect(ran).toMatchObject({ code: 0 });
    const ders = (name: string): Uint8Array[] => decodePems(readFileSync(join(out, name), 'utf8'), 'CERTIFICATE', name);
    return {
      chain: ders('certificate.pem').map((der) => new X509Certificate(der)),
      bundle: ders('bundle.pem').map((der) => new X509Certificate(der).subject),
    };
  };

  async function until(running: RunningCa, what: (status: Status) => boolean): Promise<Status> {
    for (;;) {
      const now = await status(running);
      if (what(now)) return now;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  test('signs leaves, with its whole chain, and keeps doing so after a restart', async () => {
    plugIn(files, issuing, [first]);
    {
      await using _ = await start();
      const { chain, bundle } = await mint();
      expect(chain.map(({ issuer }) => issuer)).toEqual(['O=Corp\nCN=issuing 1', 'O=Corp\nCN=first root']);
      expect(bundle).toEqual(['O=Corp\nCN=first root']);
      const rotate = await runVerb(['identity', 'rotate'], { cwd: folder });
      expect(rotate.stderr).toContain('replace the files in');
    }
    await using again = await start();
    expect((await mint()).chain[0]?.issuer).toContain('issuing 1');
    expect((await status(again)).authorities).toHaveLength(1);
  });

  test('without its key: said at the first start and at later ones, with the folder', async () => {
    const missing = { message: `\`ca-key.pem\` is missing in \`${files}\``, place: 'ca.pluggedIn' };
    plugIn(files, issuing, [first], { 'ca-key.pem': undefined });
    await expect(start()).rejects.toMatchObject(missing);
    plugIn(files, issuing, [first]);
    await (await start())[Symbol.asyncDispose]();
    plugIn(files, issuing, [first], { 'ca-key.pem': undefined });
    await expect(start()).rejects.toMatchObject(missing);
  });

  test('is replaced while running: at once under a known root, else made known first; the old root stays trusted', async () => {
    plugIn(files, issuing, [first]);
    await using running = await start();
    plugIn(files, sameRoot, [first]);
    await until(running, ({ authorities }) => authorities[1]?.signs === true);
    expect((await mint()).chain[0]?.issuer).toContain('issuing 2');
    plugIn(files, otherRoot, [second]);
    const { authorities } = await until(running, ({ authorities: all }) => all.length === 3);
    expect(authorities[2]?.state).toBe('prepared');
    expect((await mint()).bundle).toEqual(['O=Corp\nCN=first root', 'O=Corp\nCN=second root']);
    await clock.advance(10_000);
    await until(running, ({ authorities: all }) => all[2]?.signs === true);
    const { chain, bundle } = await mint();
    expect(chain[0]?.issuer).toContain('issuing 3');
    expect(bundle).toEqual(['O=Corp\nCN=second root', 'O=Corp\nCN=first root']);
  });

  test('files that do not fit leave the good one, and the refusal is there to read', async () => {
    plugIn(files, issuing, [first]);
    await using running = await start();
    plugIn(files, issuing, [first], { 'ca-key.pem': sameRoot.key });
    const { authoritiesFrom } = await until(running, ({ authoritiesFrom: from }) => from.refusal !== null);
    expect(authoritiesFrom.refusal?.reason).toContain('is not the key of `ca-cert.pem`');
    expect((await mint()).chain[0]?.issuer).toContain('issuing 1');
    plugIn(files, sameRoot, [first]);
    await until(running, ({ authoritiesFrom: from, authorities }) => from.refusal === null && authorities.length === 2);
  });

  test('takes over from an own root, and an own root from it', async () => {
    await using before = await runCa({ folder, clock });
    await before[Symbol.asyncDispose]();
    plugIn(files, issuing, [first]);
    {
      await using running = await start();
      const { authorities } = await status(running);
      expect(authorities.map(({ state }) => state)).toEqual(['old', 'active']);
      expect((await mint()).bundle).toHaveLength(2);
    }
    await using after = await runCa({ folder, clock });
    const states = (await status(after)).authorities.map(({ state }) => state);
    expect(states).toEqual(['old', 'old', 'active']);
    expect((await mint()).chain[0]?.issuer).toContain('Garrison');
  });

  test('may be a root with an Ed25519 key that signs by itself', async () => {
    const edwards = corp.root('edwards', 'ed25519');
    plugIn(files, edwards, [edwards], { 'cert-chain.pem': undefined });
    await using _ = await start();
    const { chain, bundle } = await mint();
    expect(chain.map(({ issuer }) => issuer)).toEqual(['O=Corp\nCN=edwards']);
    expect(chain[0]?.verify(new X509Certificate(edwards.certificate).publicKey)).toBe(true);
    expect(bundle).toEqual(['O=Corp\nCN=edwards']);
  });

  test('a root that has signed by itself is not revoked while what signs stands under it; an intermediate beside it is', async () => {
    plugIn(files, first, [first], { 'cert-chain.pem': undefined });
    await using running = await start();
    const signs = (count: number): Promise<Status> =>
      until(running, ({ authorities: all }) => all[count - 1]?.signs === true);
    plugIn(files, issuing, [first]);
    const [root] = (await signs(2)).authorities;
    const revoke = (id = ''): ReturnType<typeof runVerb> =>
      runVerb(['identity', 'revoke', '--authority', id], { cwd: folder });
    const refused = await revoke(root?.id);
    expect(refused.code).not.toBe(0);
    expect(refused.stderr).toContain('neither can be refused without the other');
    plugIn(files, sameRoot, [first]);
    const [, between] = (await signs(3)).authorities;
    expect(await revoke(between?.id)).toMatchObject({ code: 0 });
    expect((await status(running)).authorities.map(({ state }) => state)).toEqual(['old', 'revoked', 'active']);
    expect((await mint()).bundle).toEqual(['O=Corp\nCN=first root']);
  });

  test('with files that are no good the process does not start, and says why', async () => {
    plugIn(files, issuing, [second]);
    await expect(start()).rejects.toMatchObject({ message: expect.stringContaining('does not lead to the root') });
  });
});
