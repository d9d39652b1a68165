import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import type { LookupAddress } from 'node:dns';
import { rootCertificates } from 'node:tls';
import { createLogger } from '#runtime/logger.ts';
import { readAllowedHosts } from '#services/keys/address-rules.ts';
import { IssuerKeys } from '#services/keys/issuer-keys.ts';
import type { KeyPlace } from '#services/keys/issuer-keys.ts';
import { KeyServer, signingKey } from '#test/fakes/key-server.ts';
import type { SigningKey } from '#test/fakes/key-server.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';

const minute = 60_000;
let server: KeyServer;
let clock: ManualClock;
let one: SigningKey;
let two: SigningKey;
let logged: string[];
let outcomes: string[];

beforeEach(async () => {
  server = await KeyServer.start();
  clock = new ManualClock();
  [one, two] = await Promise.all([signingKey('one'), signingKey('two')]);
  logged = [];
  outcomes = [];
});
afterEach(async () => server[Symbol.asyncDispose]());

function issuer(place: Partial<KeyPlace> = {}, allow = ['localhost'], names: Record<string, string> = {}): IssuerKeys {
  const found = (host: string): LookupAddress[] => [{ address: names[host] ?? '127.0.0.1', family: 4 }];
  return new IssuerKeys(
    { jwksUri: server.url('/keys'), issuer: 'https://issuer.example', timeoutMs: 5000, ...place },
    {
      clock,
      logger: createLogger({ write: (line) => logged.push(line) }),
      random: () => 0.5,
      fetching: {
        resolve: (host) => Promise.resolve(found(host)),
        allowed: readAllowedHosts(allow),
        authorities: rootCertificates,
      },
      maxStaleMs: 60 * minute,
      onFetched: (outcome) => outcomes.push(outcome),
    },
  );
}

const kids = async (keys: ReturnType<IssuerKeys['current']>): Promise<unknown> =>
  (await keys).keys.map(({ kid }) => kid);

describe('the keys of an issuer', () => {
  test('are fetched once for all who ask at the same time, and then kept', async () => {
    server.keys('/keys', [one]);
    const keys = issuer();
    const all = await Promise.all([keys.current(), keys.current(), keys.renewed()]);
    expect(new Set(all).size).toBe(1);
    expect(await keys.current()).toBe(all[0]);
    expect(server.asked).toEqual(['/keys']);
  });

  test('by discovery, where the issuer names itself and where its keys are', async () => {
    const self = server.url('/realm');
    server.json('/realm/.well-known/openid-configuration', { issuer: self, jwks_uri: server.url('/keys') });
    server.keys('/keys', [one]);
    await expect(kids(issuer({ jwksUri: undefined, issuer: self }).current())).resolves.toEqual(['one']);
  });

  test.each<[string, (self: string) => unknown]>([
    ['names another issuer', (self) => ({ issuer: `${self}/`, jwks_uri: `${self}/keys` })],
    ['names no keys', (self) => ({ issuer: self })],
    ['names keys in a file', (self) => ({ issuer: self, jwks_uri: 'file:///etc/passwd' })],
    ['names keys at an address inside', (self) => ({ issuer: self, jwks_uri: 'http://169.254.169.254/keys' })],
  ])('not by a discovery document that %s', async (_, document) => {
    const self = server.url();
    server.json('/.well-known/openid-configuration', document(self)).keys('/keys', [one]);
    await expect(issuer({ jwksUri: undefined, issuer: self }).current()).rejects.toThrow();
    expect(server.asked).not.toContain('/keys');
  });

  test('an issuer that is no URL says so', async () => {
    const keys = issuer({ jwksUri: undefined, issuer: 'accounts' });
    await expect(keys.current()).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
  });

  test.each<[string, string]>([
    ['text', 'no json'],
    ['a list', '[]'],
    ['no keys', '{}'],
    ['keys twice', '{"keys":[],"keys":[]}'],
    ['keys that are an object', '{"keys":{}}'],
    ['too many keys', JSON.stringify({ keys: Array.from({ length: 257 }, () => ({})) })],
    ['too much', ' '.repeat(1024 * 1024 + 1)],
    ['nesting without end', `{"keys":${'['.repeat(500)}${']'.repeat(500)}}`],
    ['no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1')],
  ])('an answer with %s is a failure', async (_, text) => {
    server.page('/keys', (__, response) => response.end(text, 'latin1'));
    await expect(issuer().current()).rejects.toMatchObject({ code: 'UNAVAILABLE' });
    expect(outcomes).toEqual(['failed']);
  });

  test.each<[string, (server: KeyServer) => void]>([
    ['an error', (to) => to.page('/keys', (_, response) => response.writeHead(500).end())],
    ['a compressed answer', (to) => to.json('/keys', { keys: [] }, { 'content-encoding': 'gzip' })],
    [
      'a broken answer',
      (to) => to.page('/keys', (_, r) => r.writeHead(200, { 'content-length': 99 }).write('{', () => r.destroy())),
    ],
    ['redirects without end', (to) => to.redirect('/keys', '/keys')],
    ['a redirect to the metadata service', (to) => to.redirect('/keys', 'http://169.254.169.254/latest/')],
    ['a redirect to loopback', (to) => to.redirect('/keys', to.url('/other', '127.0.0.1')).keys('/other', [one])],
    ['a redirect to a name inside', (to) => to.redirect('/keys', to.url('/other', 'inside.example'))],
    ['a redirect to a file', (to) => to.redirect('/keys', 'file:///etc/passwd')],
    ['a redirect nowhere', (to) => to.redirect('/keys', '')],
  ])('%s is a failure', async (_, prepare) => {
    prepare(server);
    await expect(issuer().current()).rejects.toThrow();
    expect(server.asked).not.toContain('/other');
  });

  test('a redirect to a host that may be asked is followed', async () => {
    server.redirect('/keys', '/moved', 307).keys('/moved', [one]);
    await expect(kids(issuer().current())).resolves.toEqual(['one']);
  });

  test('a host inside is not asked unless it is allowed by name', async () => {
    server.keys('/keys', [one]);
    const place = { jwksUri: server.url('/keys', 'idp.internal') };
    await expect(issuer(place).current()).rejects.toMatchObject({
      code: 'PERMISSION_DENIED',
      remedy: expect.stringContaining('authz.keys.allow'),
    });
    await expect(kids(issuer(place, ['idp.internal']).current())).resolves.toEqual(['one']);
    expect(server.asked).toEqual(['/keys']);
  });

  test('a server that hangs is given up after the time of the rule', async () => {
    const arrived = new Promise<void>((resolve) => server.page('/keys', () => resolve()));
    const keys = issuer({ timeoutMs: 700 }).current();
    await arrived;
    clock.advance(700);
    await expect(keys).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });

  test('keys that must not be used are left out, with a warning; a set without any is a set', async () => {
    server.json('/keys', { keys: [{ kty: 'oct', k: 'c2VjcmV0', kid: 'shared' }, { ...one.publicKey, d: 'x' }, 7] });
    await expect(kids(issuer().current())).resolves.toEqual([]);
    expect(logged.join('')).toContain('keys ignored');
    expect(logged.join('')).not.toContain('c2VjcmV0');
  });
});

describe('rotation', () => {
  test('an unknown key is looked for once in ten seconds, however many ask', async () => {
    server.keys('/keys', [one]);
    const keys = issuer();
    await keys.current();
    server.keys('/keys', [one, two]);
    const renewed = await Promise.all([keys.renewed(), keys.renewed(), keys.renewed()]);
    expect(renewed.map(({ keys: list }) => list.length)).toEqual([2, 2, 2]);
    for (let i = 0; i < 100; i++) await keys.renewed();
    expect(server.asked).toHaveLength(2);
    clock.advance(10_000);
    await keys.renewed();
    expect(server.asked).toHaveLength(3);
  });

  test('the same document is the same set, so that imported keys stay imported', async () => {
    server.keys('/keys', [one]);
    const keys = issuer();
    const before = await keys.current();
    expect(await keys.renewed()).toBe(before);
  });
});

describe('when an issuer is down', () => {
  const down = (): KeyServer => server.page('/keys', (_, response) => response.destroy());

  test('who asks is told at once, and the next attempt is made when it is due', async () => {
    down();
    const keys = issuer();
    await expect(keys.current()).rejects.toThrow();
    await expect(keys.current()).rejects.toThrow();
    expect(server.asked).toHaveLength(1);
    clock.advance(750);
    server.keys('/keys', [one]);
    await expect(kids(keys.current())).resolves.toEqual(['one']);
    expect(outcomes).toEqual(['failed', 'fetched']);
  });

  test('the last good keys stay good, but not for ever', async () => {
    server.keys('/keys', [one], { 'cache-control': 'max-age=60' });
    const keys = issuer();
    await keys.current();
    down();
    await expect(keys.renewed()).rejects.toThrow();
    clock.advance(60 * minute);
    await expect(kids(keys.current())).resolves.toEqual(['one']);
    expect(keys.describe()).toMatchObject({ ageSeconds: 3600, failures: 1, fault: expect.stringContaining('/keys') });
    clock.advance(1);
    await expect(keys.current()).rejects.toThrow();
    expect(keys.describe()).toMatchObject({ keys: null, ageSeconds: null });
  });
});

describe('in the background', () => {
  /** Resolves when the server has been asked so often. */
  const askedTimes = (times: number, answer: readonly SigningKey[]): Promise<void> =>
    new Promise((resolve) => {
      server.page('/keys', (_, response) => {
        response.writeHead(200, { 'cache-control': 'public, max-age=600' });
        response.end(JSON.stringify({ keys: answer.map(({ publicKey }) => publicKey) }));
        if (server.asked.length >= times) resolve();
      });
    });

  test('keys are fetched anew before they are too old, until they are no longer needed', async () => {
    const first = askedTimes(1, [one]);
    const keys = issuer();
    const running = keys.keepFresh();
    await first;
    await keys.current();
    await new Promise(setImmediate);
    const second = askedTimes(2, [two]);
    clock.advance(449_000);
    await new Promise(setImmediate);
    expect(server.asked).toHaveLength(1);
    clock.advance(2000);
    await second;
    await expect(kids(keys.renewed())).resolves.toEqual(['two']);
    keys.stop();
    await running;
  });
});
