import { createVerify, generateKeyPairSync, verify } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
import { ManualClock } from '#test/fakes/manual-clock.ts';
import { SoftHsm } from '#test/fakes/soft-hsm.ts';

const trustDomain = parseTrustDomain('example.org');
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
    const around = { state, passphrase: undefined, trustDomain, clock: systemClock, onHealth: () => undefined };
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
    const around = { state, passphrase: 'open', trustDomain, clock: systemClock, onHealth: () => undefined };
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
