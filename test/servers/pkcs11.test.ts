import { execFileSync } from 'node:child_process';
import { createVerify, generateKeyPairSync, verify, X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { keySigner } from '#ca/keys/signer.ts';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import { mintJwt } from '#ca/jwt/mint-jwt.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import { systemClock } from '#runtime/clock.ts';
import { silentLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { AuthorityDesk } from '#services/ca/authority/authority-desk.ts';
import { defaultAuthorityLife } from '#services/ca/authority/create-authority.ts';
import { ownSource } from '#services/ca/authority/own-source.ts';
import { openAuthorities } from '#services/ca/authority/open-authorities.ts';
import { openKeys } from '#services/ca/keys/open-keys.ts';
import { FileKeyStore } from '#services/ca/keys/file-key-store.ts';
import { results } from '#services/ca/keys/pkcs11/codes.ts';
import {
  CryptokiError,
  loadModule,
  type Argument,
  type FunctionName,
  type Module,
} from '#services/ca/keys/pkcs11/module.ts';
import { Pkcs11KeyStore } from '#services/ca/keys/pkcs11/pkcs11-key-store.ts';
import { Token } from '#services/ca/keys/pkcs11/token.ts';
import { MemoryLedger } from '#services/ca/ledger/memory-ledger.ts';
import { describeKeyStore } from '#test/contract/key-store-contract.ts';
import { Command, type Ended } from '#test/fakes/command.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';
import { OpensslAuthority, plugIn } from '#test/fakes/openssl-authority.ts';
import { runCa } from '#test/fakes/running-ca.ts';
import { runVerb } from '#test/fakes/run-verb.ts';
import { SoftHsm } from '#test/fakes/soft-hsm.ts';

const trustDomain = parseTrustDomain('example.org');
const untold = { onHealth: () => undefined, onExposed: () => undefined };
let hsm: SoftHsm;
let folder: string;

beforeAll(() => {
  hsm = new SoftHsm();
  hsm.useHere();
  for (const label of ['mesh', 'other', 'twin', 'twin']) hsm.addToken(label);
  folder = mkdtempSync(join(tmpdir(), 'gp11-'));
});
afterAll(() => {
  hsm[Symbol.dispose]();
  rmSync(folder, { recursive: true });
});

interface Opened {
  readonly label?: string;
  readonly pin?: string;
  readonly module?: Module;
  readonly clock?: ManualClock;
  readonly onHealth?: (trouble: GarrisonError | undefined) => void;
}

async function openToken({ label = 'mesh', pin = hsm.pin, module, clock, onHealth }: Opened = {}): Promise<Token> {
  return Token.open({
    module: module ?? (await loadModule(hsm.module)),
    token: { label },
    pin,
    clock: clock ?? systemClock,
    ...(onHealth === undefined ? {} : { onHealth }),
  });
}

/** A library that works until it is told not to. */
class Flaky implements Module {
  readonly #real: Module;
  readonly calls: FunctionName[] = [];
  fail: ((name: FunctionName) => number | undefined) | undefined;

  constructor(real: Module) {
    this.#real = real;
  }

  call(name: FunctionName, ...values: readonly Argument[]): Promise<void> {
    this.calls.push(name);
    const code = this.fail?.(name);
    return code === undefined ? this.#real.call(name, ...values) : Promise.reject(new CryptokiError(name, code));
  }
}

describeKeyStore('a token', async () => {
  const open = async (): Promise<Pkcs11KeyStore> => new Pkcs11KeyStore(await openToken(), 'contract');
  const opened = [await open()];
  return {
    keys: opened[0]!,
    again: async () => {
      const next = await open();
      opened.push(next);
      return next;
    },
    [Symbol.asyncDispose]: async () => {
      for (const each of opened) await each[Symbol.asyncDispose]();
    },
  };
});

describe('a key in a token', () => {
  test('signs what its public half verifies, as certificates and as tokens carry it', async () => {
    await using store = new Pkcs11KeyStore(await openToken(), 'test');
    const { signer } = await store.make('issuing');
    expect(signer.privateKey).toBeUndefined();
    const message = Buffer.from('message');
    for (let round = 0; round < 50; round += 1) {
      const signature = await signer.sign(message);
      expect(verify('sha256', message, signer.publicKey.key, signature)).toBe(true);
    }
    const token = await mintJwt(
      { id: parseSpiffeId('spiffe://example.org/a'), audience: ['b'], now: new Date(), seconds: 60 },
      { kid: 'k', signer },
    );
    const [header, claims, signature] = token.split('.');
    const check = createVerify('sha256').update(`${header ?? ''}.${claims ?? ''}`);
    const raw = Buffer.from(signature ?? '', 'base64url');
    expect(check.verify({ key: signer.publicKey.key, dsaEncoding: 'ieee-p1363' }, raw)).toBe(true);
  });

  test('is found again by its public half, by another process and only in its token, until it is removed', async () => {
    await using store = new Pkcs11KeyStore(await openToken(), 'test');
    const { signer } = await store.make('root');
    const place = { authority: 'a', role: 'root', key: signer.publicKey } as const;
    await using again = new Pkcs11KeyStore(await openToken(), 'test');
    const message = Buffer.from('message');
    const found = await again.open(place);
    expect(verify('sha256', message, signer.publicKey.key, await found.sign(message))).toBe(true);
    await using other = new Pkcs11KeyStore(await openToken({ label: 'other' }), 'test');
    await expect(other.open(place)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    await again.remove(place);
    expect(await store.has(place)).toBe(false);
  });

  test('signs on after memory was collected: what other threads use is held', async () => {
    await using store = new Pkcs11KeyStore(await openToken(), 'test');
    const { signer } = await store.make('issuing');
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    for (let round = 0; round < 20; round += 1) {
      const signing = [1, 2, 3, 4, 5].map(async (one) => signer.sign(Buffer.from(`message ${one}`)));
      collect();
      await Promise.all(signing);
    }
  });

  test('a hundred signatures at once share the sessions', async () => {
    await using store = new Pkcs11KeyStore(await openToken(), 'test');
    const { signer } = await store.make('issuing');
    const messages = Array.from({ length: 100 }, (_, index) => Buffer.from(`message ${index}`));
    const signatures = await Promise.all(messages.map(async (message) => signer.sign(message)));
    for (const [index, message] of messages.entries()) {
      expect(verify('sha256', message, signer.publicKey.key, signatures[index] ?? Buffer.alloc(0))).toBe(true);
    }
  });
});

describe('what goes wrong is told', () => {
  test.each([
    ['a wrong PIN', { pin: '00000000' }, 'FAILED_PRECONDITION', /refuses the PIN.*CKR_PIN_INCORRECT/],
    ['no such token', { label: 'nowhere' }, 'UNAVAILABLE', /no token labelled `nowhere`/],
    ['two tokens of one label', { label: 'twin' }, 'UNAVAILABLE', /several tokens labelled `twin`/],
  ])('%s', async (_, options, code, message) => {
    await expect(openToken(options)).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
  });

  test('no such module, and a library that is none', async () => {
    const missing = { code: 'FAILED_PRECONDITION', place: 'ca.keys.module' };
    await expect(loadModule(join(folder, 'nothing.so'))).rejects.toMatchObject(missing);
    await expect(loadModule('/lib/x86_64-linux-gnu/libm.so.6')).rejects.toMatchObject(missing);
  });

  test('a session that broke is replaced and the signature made', async () => {
    const flaky = new Flaky(await loadModule(hsm.module));
    await using store = new Pkcs11KeyStore(await openToken({ module: flaky }), 'test');
    const { signer } = await store.make('issuing');
    let times = 0;
    flaky.fail = (name) => (name === 'sign' && (times += 1) === 1 ? results.sessionHandleInvalid : undefined);
    const message = Buffer.from('message');
    expect(verify('sha256', message, signer.publicKey.key, await signer.sign(message))).toBe(true);
    expect(times).toBe(2);
  });

  test('a token that was taken out: unavailable and said so, until it is back', async () => {
    const flaky = new Flaky(await loadModule(hsm.module));
    const clock = new ManualClock();
    const health: (string | undefined)[] = [];
    const onHealth = (trouble: GarrisonError | undefined): void => void health.push(trouble?.message);
    await using store = new Pkcs11KeyStore(await openToken({ module: flaky, clock, onHealth }), 'test');
    const { signer } = await store.make('issuing');
    flaky.fail = (name) => (name === 'openSession' || name === 'sign' ? results.tokenNotPresent : undefined);
    const refused = { code: 'UNAVAILABLE', message: expect.stringContaining('CKR_TOKEN_NOT_PRESENT') as unknown };
    await expect(signer.sign(Buffer.from('a'))).rejects.toMatchObject(refused);
    expect(health.at(-1)).toContain('CKR_TOKEN_NOT_PRESENT');
    flaky.fail = undefined;
    clock.advance(5000);
    await signer.sign(Buffer.from('b'));
    expect(health.at(-1)).toBeUndefined();
  });

  test('a PIN that was refused once is not offered again: the token would lock', async () => {
    const flaky = new Flaky(await loadModule(hsm.module));
    await using store = new Pkcs11KeyStore(await openToken({ module: flaky }), 'test');
    const { signer } = await store.make('issuing');
    flaky.fail = (name) =>
      name === 'login' ? results.pinIncorrect : name === 'sign' ? results.userNotLoggedIn : undefined;
    for (let round = 0; round < 3; round += 1) {
      await expect(signer.sign(Buffer.from('a'))).rejects.toMatchObject({ place: 'ca.keys.pin' });
    }
    // The one of the start, and the one that was refused.
    expect(flaky.calls.filter((name) => name === 'login')).toHaveLength(2);
  });
});

describe('an authority whose keys are in a token', () => {
  test('is made, restarted, rotated and renewed there; not one key is in a file', async () => {
    const state = StateFolder.open(join(folder, 'state'));
    const ledger = new MemoryLedger();
    const around = { state, passphrase: undefined, trustDomain, clock: systemClock, ...untold };
    const config = {
      kind: 'pkcs11',
      module: hsm.module,
      token: { label: 'mesh' },
      pin: { file: hsm.pinFile },
    } as const;
    const options = async () => {
      const keys = await openKeys(config, around);
      const ceremony = { ...around, ledger, instance: () => 1, life: defaultAuthorityLife, keys };
      return { ...ceremony, logger: silentLogger, source: ownSource(ceremony) };
    };
    const first = await options();
    const made = (await openAuthorities(first)).active();
    await first.keys[Symbol.asyncDispose]();
    const second = await options();
    const authorities = await openAuthorities(second);
    expect(authorities.active().id).toBe(made.id);
    const desk = new AuthorityDesk(second, authorities);
    const renewed = await desk.renewIssuing();
    expect(renewed.issuing.keyId).not.toEqual(made.issuing.keyId);
    const former = { authority: made.id, role: 'issuing', key: made.issuing.publicKey } as const;
    expect(await second.keys.has(former)).toBe(false);
    const next = await desk.prepare();
    await desk.activate(next.id);
    expect(authorities.active().id).toBe(next.id);
    await desk.revoke(made.id);
    expect(await second.keys.has({ authority: made.id, role: 'root', key: made.root.publicKey })).toBe(false);
    const files = new FileKeyStore(around);
    for (const role of ['root', 'issuing', 'jwt'] as const) {
      expect(await files.has({ authority: next.id, role, key: next.issuing.publicKey })).toBe(false);
    }
    await second.keys[Symbol.asyncDispose]();
  });

  test('keys in files are still found when the configuration moves to a token', async () => {
    const state = StateFolder.open(join(folder, 'moved'));
    const around = { state, passphrase: 'open', trustDomain, clock: systemClock, ...untold };
    const files = await openKeys({ kind: 'file' }, around);
    const fresh = await files.make('issuing');
    await fresh.keep('a');
    const config = {
      kind: 'pkcs11',
      module: hsm.module,
      token: { label: 'mesh' },
      pin: { file: hsm.pinFile },
    } as const;
    await using keys = await openKeys(config, around);
    const place = { authority: 'a', role: 'issuing', key: fresh.signer.publicKey } as const;
    expect((await keys.open(place)).privateKey).toBeDefined();
    const strange = keySigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey).publicKey;
    await expect(keys.open({ authority: 'b', role: 'issuing', key: strange })).rejects.toMatchObject({
      message: expect.stringContaining('the token has no issuing key') as unknown,
    });
  });
});

describe('a plugged-in authority whose key is in a token', () => {
  test('signs with RSA, without `ca-key.pem`', async () => {
    using corp = new OpensslAuthority();
    const root = corp.root('corp root');
    const issuing = corp.under(root, 'corp issuing', { pathLength: 0 });
    const files = join(folder, 'cacerts');
    mkdirSync(files);
    plugIn(files, issuing, [root], { 'ca-key.pem': undefined });
    writeFileSync(join(folder, 'imported.pem'), issuing.key);
    const args = ['--import', join(folder, 'imported.pem'), '--token', 'mesh', '--label', 'corp', '--id', 'c0'];
    execFileSync('softhsm2-util', [...args, '--pin', hsm.pin], {
      env: { ...process.env, ...hsm.env },
      stdio: 'ignore',
    });
    const place = mkdtempSync(join(tmpdir(), 'gca-'));
    const keys = { kind: 'pkcs11', module: hsm.module, token: { label: 'mesh' }, pin: { file: hsm.pinFile } } as const;
    {
      await using _ = await runCa({ folder: place, settings: { pluggedIn: files, keys } });
      const ran = await runVerb(['identity', 'mint', '--service-account', 'shop/me', '--out', join(place, 'me')], {
        cwd: place,
      });
      expect(ran).toMatchObject({ code: 0 });
      const leaf = new X509Certificate(readFileSync(join(place, 'me', 'certificate.pem')));
      expect(leaf.verify(new X509Certificate(issuing.certificate).publicKey)).toBe(true);
    }
    rmSync(place, { recursive: true });
  }, 30_000);
});

describe('as processes', () => {
  test('a ceremony with the root in one token and the rest in another; the authority serves from the second', async () => {
    const place = join(folder, 'processes');
    mkdirSync(place);
    const keys = (label: string): string =>
      `{ kind: pkcs11, module: ${hsm.module}, token: ${label}, pin: ${hsm.pinFile} }`;
    const ceremony = [
      'trustDomain: example.org',
      'state: ./state',
      'report: ./report.json',
      `root: { folder: ./root, keys: ${keys('other')} }`,
      `issuing: { keys: ${keys('mesh')} }`,
    ];
    writeFileSync(join(place, 'ceremony.yaml'), ceremony.join('\n'));
    const config = `trustDomain: example.org\nstate: ./state\nca:\n  listen: 127.0.0.1:0\n  admin: 127.0.0.1:0\n  keys: ${keys('mesh')}\n`;
    writeFileSync(join(place, 'garrison.yaml'), config);
    const env = { ...process.env, ...hsm.env };
    const garrison = (...args: string[]): Promise<Ended> => new Command(args, { cwd: place, env }).ended();
    expect(await garrison('identity', 'init', '--from', 'ceremony.yaml')).toMatchObject({ code: 0 });
    expect(await garrison('identity', 'init', '--verify', 'report.json', '--root', 'root/root.pem')).toMatchObject({
      code: 0,
    });
    expect(JSON.parse(readFileSync(join(place, 'report.json'), 'utf8'))).toMatchObject({
      root: { key: 'token `other`' },
      issuing: { key: 'token `mesh`' },
    });
    expect(readdirSync(place, { recursive: true }).filter((file) => /key.*\.pem$/.test(String(file)))).toEqual([]);

    await using ca = new Command(['ca', '--output', 'json'], { cwd: place, env });
    const { addresses } = JSON.parse(await ca.line()) as { addresses: { caAdmin: string } };
    const mint = (name: string): Promise<Ended> =>
      garrison('identity', 'mint', '--service-account', `shop/${name}`, '--out', join(place, name));
    expect(await mint('one')).toMatchObject({ code: 0 });
    // The root's key is in a token that the authority knows nothing of.
    const due = await garrison('identity', 'rotate', '--issuing');
    expect(due.stderr).toContain('the token has no root key');
    expect(await garrison('identity', 'rotate', '--issuing', '--from', 'ceremony.yaml')).toMatchObject({ code: 0 });
    expect(await mint('two')).toMatchObject({ code: 0 });

    const ready = async (): Promise<string> => (await fetch(`http://${addresses.caAdmin}/readyz`)).text();
    const tokens = join(hsm.folder, 'tokens');
    renameSync(tokens, `${tokens}.away`);
    const refused = await mint('three');
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain('does not answer');
    expect(await ready()).toContain('keys: the token with the keys of the authority does not answer');
    renameSync(`${tokens}.away`, tokens);
    while ((await ready()).includes('keys:')) await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await mint('three')).toMatchObject({ code: 0 });
    expect((await ca.end()).code).toBe(0);
  }, 120_000);

  test('a wrong PIN, and none: the authority does not start, and the PIN is nowhere in what it says', async () => {
    const place = join(folder, 'wrong');
    mkdirSync(place);
    writeFileSync(join(place, 'pin'), '99887766\n');
    const env = { ...process.env, ...hsm.env };
    const start = (pin: string): Promise<Ended> => {
      const keys = `{ kind: pkcs11, module: ${hsm.module}, token: other, ${pin} }`;
      writeFileSync(join(place, 'garrison.yaml'), `ca: { listen: 127.0.0.1:0, admin: 127.0.0.1:0, keys: ${keys} }\n`);
      return new Command(['ca'], { cwd: place, env }).ended();
    };
    const wrong = await start('pin: ./pin');
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining('the token refuses the PIN') as unknown });
    expect(wrong.stdout + wrong.stderr).not.toContain('99887766');
    const none = await start('pinVariable: GARRISON_TEST_NO_PIN');
    expect(none.stderr).toContain('the environment variable `GARRISON_TEST_NO_PIN` holds no PIN');
  }, 60_000);
});
