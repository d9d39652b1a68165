import { randomBytes } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { newSerial, type SerialHex } from '#ca/issue/serial.ts';
import type { Intent, JwtRecord, Ledger, TokenRecord } from '#services/ca/ledger/port.ts';

const at = new Date('2030-01-01T00:00:00Z');
const later = new Date('2030-01-01T01:00:00Z');
const hash = (): string => randomBytes(32).toString('hex');

export function anIntent(more: Partial<Intent> = {}): Intent {
  return {
    serial: newSerial(1, at, randomBytes),
    profile: 'leaf',
    spiffeId: 'spiffe://td/ns/a/sa/b',
    dnsNames: ['a.example', 'b.example'],
    notBefore: at,
    notAfter: later,
    issuerKeyId: 'ab'.repeat(20),
    publicKeyHash: hash(),
    tbsHash: hash(),
    caller: 'admin',
    grant: 'admin',
    requestedAt: at,
    ...more,
  };
}

export function aToken(more: Partial<TokenRecord> = {}): TokenRecord {
  const id = randomBytes(4).toString('hex');
  const names = { name: '', spiffeId: 'spiffe://td/a', dnsNames: [] };
  return { id, hash: hash(), ...names, createdAt: at, expiresAt: later, ...more };
}

export function aJwt(more: Partial<JwtRecord> = {}): JwtRecord {
  const [times, who] = [
    { issuedAt: at, expiresAt: later },
    { caller: 'unix:uid=1', grant: 'registration:a/b' },
  ];
  return {
    spiffeId: 'spiffe://td/ns/a/sa/b',
    audience: ['a', 'b'],
    keyId: 'k1',
    tokenHash: hash(),
    ...times,
    ...who,
    ...more,
  };
}

const issuedAs = (...bytes: number[]) => ({ kind: 'issued', certificate: Uint8Array.from(bytes) }) as const;
const unknownSerial = 'ff'.repeat(20) as SerialHex;

/** What every adapter of the Ledger port must do. */
export function ledgerContract(name: string, open: () => Promise<Ledger> | Ledger): void {
  const each = (title: string, body: (ledger: Ledger) => Promise<void>): void => {
    test(title, async () => {
      await using ledger = await open();
      await body(ledger);
    });
  };

  describe(`${name}: certificates`, () => {
    each('an intent stands alone until it is concluded', async (ledger) => {
      const intent = anIntent();
      await ledger.intend(intent);
      expect(await ledger.find(intent.serial)).toMatchObject({ ...intent, number: 1, state: 'intended' });
      await ledger.conclude(intent.serial, { kind: 'issued', certificate: Uint8Array.of(1, 2, 3) }, later);
      const entry = await ledger.find(intent.serial);
      expect(entry).toMatchObject({ ...intent, state: 'issued', concludedAt: later, reason: undefined });
      expect([...(entry?.certificate ?? [])]).toEqual([1, 2, 3]);
    });

    each('a failure keeps its reason', async (ledger) => {
      const intent = anIntent();
      await ledger.intend(intent);
      await ledger.conclude(intent.serial, { kind: 'failed', reason: 'no signer' }, later);
      expect(await ledger.find(intent.serial)).toMatchObject({
        state: 'failed',
        reason: 'no signer',
        certificate: undefined,
      });
    });

    each('an outcome comes once, and only to an intent', async (ledger) => {
      const intent = anIntent();
      await ledger.intend(intent);
      const outcome = { kind: 'issued', certificate: Uint8Array.of(1) } as const;
      await ledger.conclude(intent.serial, outcome, at);
      await expect(ledger.conclude(intent.serial, outcome, at)).rejects.toMatchObject({ code: 'INTERNAL' });
      await expect(ledger.conclude(unknownSerial, outcome, at)).rejects.toMatchObject({ code: 'INTERNAL' });
    });

    each('a serial is intended once', async (ledger) => {
      const intent = anIntent();
      await ledger.intend(intent);
      await expect(ledger.intend(intent)).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect(await ledger.list({ limit: 10 })).toHaveLength(1);
    });

    each('a write that fails does not take its neighbours with it', async (ledger) => {
      const [first, second] = [anIntent(), anIntent()];
      const writes = [first, first, second].map((intent) => ledger.intend(intent));
      const settled = await Promise.allSettled(writes);
      expect(settled.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
      expect(await ledger.list({ limit: 10 })).toHaveLength(2);
    });

    each('what this instance left unfinished becomes unknown', async (ledger) => {
      const [done, open, foreign] = [anIntent(), anIntent(), anIntent({ serial: newSerial(2, at, randomBytes) })];
      await Promise.all([done, open, foreign].map((intent) => ledger.intend(intent)));
      await ledger.conclude(done.serial, { kind: 'issued', certificate: Uint8Array.of(1) }, at);
      expect(await ledger.abandon(1)).toBe(1);
      expect(await ledger.abandon(1)).toBe(0);
      const states = await Promise.all(
        [done, open, foreign].map(async ({ serial }) => (await ledger.find(serial))?.state),
      );
      expect(states).toEqual(['issued', 'unknown', 'intended']);
    });

    each('entries are found by identity, caller, state and time, newest first, in pages', async (ledger) => {
      const intents = [
        anIntent({ spiffeId: 'spiffe://td/a', caller: 'token:1' }),
        anIntent({ spiffeId: 'spiffe://td/b', caller: 'token:1', requestedAt: later }),
        anIntent({ spiffeId: 'spiffe://td/b', caller: 'admin', requestedAt: later }),
      ];
      for (const intent of intents) await ledger.intend(intent);
      const serials = async (filter: object): Promise<number[]> =>
        (await ledger.list({ limit: 10, ...filter })).map((e) => intents.findIndex((i) => i.serial === e.serial));
      expect(await serials({})).toEqual([2, 1, 0]);
      expect(await serials({ spiffeId: 'spiffe://td/b' })).toEqual([2, 1]);
      expect(await serials({ spiffeId: 'spiffe://td/b', caller: 'admin' })).toEqual([2]);
      expect(await serials({ caller: 'token:1' })).toEqual([1, 0]);
      expect(await serials({ from: later })).toEqual([2, 1]);
      expect(await serials({ to: later })).toEqual([0]);
      expect(await serials({ state: 'issued' })).toEqual([]);
      expect(await serials({ state: 'intended', limit: 2 })).toEqual([2, 1]);
      expect(await serials({ before: 2 })).toEqual([0]);
      expect(await serials({ issuerKeyId: 'ab'.repeat(20), limit: 1 })).toEqual([2]);
      expect(await serials({ issuerKeyId: 'cd'.repeat(20) })).toEqual([]);
    });

    each('a certificate is revoked once', async (ledger) => {
      const intent = anIntent();
      await ledger.intend(intent);
      expect(await ledger.revoke(unknownSerial, 'lost', at)).toBe(false);
      await ledger.conclude(intent.serial, { kind: 'issued', certificate: Uint8Array.of(1) }, at);
      expect(await ledger.revoke(intent.serial, 'lost', later)).toBe(true);
      expect(await ledger.revoke(intent.serial, 'again', later)).toBe(false);
      expect(await ledger.listRevoked(later)).toEqual([intent.serial]);
      expect(await ledger.listRevoked(new Date(later.getTime() + 1))).toEqual([]);
      expect(await ledger.find(intent.serial)).toMatchObject({ revokedAt: later, revocation: 'lost' });
    });
  });

  describe(`${name}: who uses what`, () => {
    each('counts the leaves that may be in use by the key that issued them', async (ledger) => {
      const [old, young] = ['ab'.repeat(20), 'cd'.repeat(20)];
      const over = new Date(at.getTime() - 1);
      const intents = {
        live: anIntent({ issuerKeyId: old }),
        revoked: anIntent({ issuerKeyId: old }),
        failed: anIntent({ issuerKeyId: old }),
        over: anIntent({ issuerKeyId: old, notAfter: over }),
        authority: anIntent({ issuerKeyId: old, profile: 'intermediate' }),
        other: anIntent({ issuerKeyId: young }),
        unfinished: anIntent({ issuerKeyId: young }),
      };
      for (const intent of Object.values(intents)) await ledger.intend(intent);
      const { live, revoked, failed, authority, other } = intents;
      for (const { serial } of [live, revoked, intents.over, authority, other]) {
        await ledger.conclude(serial, issuedAs(1), at);
      }
      await ledger.conclude(failed.serial, { kind: 'failed', reason: 'no' }, at);
      await ledger.revoke(revoked.serial, 'lost', at);
      const counts = new Map((await ledger.countLive(at)).map((count) => [count.issuerKeyId, count.leaves]));
      expect(counts).toEqual(
        new Map([
          [old, 1],
          [young, 2],
        ]),
      );
      expect(await ledger.countLive(new Date(later.getTime() + 1))).toEqual([]);
    });

    each('tells entries in the order of their conclusions, and nothing twice', async (ledger) => {
      const [a, b, c] = [anIntent(), anIntent(), anIntent()];
      for (const intent of [a, b, c]) await ledger.intend(intent);
      expect(await ledger.entriesAfter(0, 10)).toEqual([]);
      await ledger.conclude(b.serial, issuedAs(2), at);
      await ledger.conclude(a.serial, { kind: 'failed', reason: 'no' }, at);
      const first = await ledger.entriesAfter(0, 1);
      expect(first.map(({ entry }) => entry.serial)).toEqual([b.serial]);
      await ledger.abandon(1);
      const rest = await ledger.entriesAfter(first[0]?.position ?? 0, 10);
      expect(rest.map(({ entry }) => [entry.serial, entry.state])).toEqual([
        [a.serial, 'failed'],
        [c.serial, 'unknown'],
      ]);
      const [, last] = rest;
      expect(await ledger.entriesAfter(last?.position ?? 0, 10)).toEqual([]);
    });

    each('tells entries while others never stop recording', async (ledger) => {
      let done = false;
      const others = Array.from({ length: 4 }, async () => {
        while (!done) await ledger.intend(anIntent());
      });
      const intent = anIntent();
      await ledger.intend(intent);
      await ledger.conclude(intent.serial, issuedAs(1), at);
      expect((await ledger.entriesAfter(0, 10)).map(({ entry }) => entry.serial)).toEqual([intent.serial]);
      done = true;
      await Promise.all(others);
    });

    each('tells revocations in their own order', async (ledger) => {
      const [a, b] = [anIntent(), anIntent()];
      for (const { serial, ...intent } of [a, b]) {
        await ledger.intend({ serial, ...intent });
        await ledger.conclude(serial, issuedAs(1), at);
      }
      await ledger.revoke(b.serial, 'lost', later);
      await ledger.revoke(a.serial, 'stolen', later);
      const told = await ledger.revocationsAfter(0, 10);
      expect(told.map(({ entry }) => [entry.serial, entry.revocation])).toEqual([
        [b.serial, 'lost'],
        [a.serial, 'stolen'],
      ]);
      expect(await ledger.revocationsAfter(told[0]?.position ?? 0, 10)).toHaveLength(1);
      expect(await ledger.revocationsAfter(told[1]?.position ?? 0, 10)).toEqual([]);
    });
  });

  describe(`${name}: cursors`, () => {
    each('are kept by name and never go back', async (ledger) => {
      expect(await ledger.readCursors()).toEqual(new Map());
      await ledger.moveCursors(
        new Map([
          ['concluded', 7],
          ['revoked', 1],
        ]),
      );
      await ledger.moveCursors(new Map([['concluded', 5]]));
      await ledger.moveCursors(new Map([['revoked', 2]]));
      expect([...(await ledger.readCursors())].sort()).toEqual([
        ['concluded', 7],
        ['revoked', 2],
      ]);
    });
  });

  describe(`${name}: JWT-SVIDs`, () => {
    each('are recorded and found, newest first, in pages', async (ledger) => {
      const jwts = [
        aJwt({ spiffeId: 'spiffe://td/a' }),
        aJwt({ spiffeId: 'spiffe://td/b', keyId: 'k2', issuedAt: later }),
        aJwt({ spiffeId: 'spiffe://td/b', caller: 'admin', issuedAt: later }),
      ];
      for (const jwt of jwts) await ledger.noteJwt(jwt);
      const found = async (filter: object): Promise<number[]> =>
        (await ledger.listJwts({ limit: 10, ...filter })).map((e) =>
          jwts.findIndex((jwt) => jwt.tokenHash === e.tokenHash),
        );
      expect((await ledger.listJwts({ limit: 1 }))[0]).toEqual({ ...jwts[2], number: 3 });
      expect(await found({})).toEqual([2, 1, 0]);
      expect(await found({ spiffeId: 'spiffe://td/b' })).toEqual([2, 1]);
      expect(await found({ keyId: 'k2' })).toEqual([1]);
      expect(await found({ caller: 'admin' })).toEqual([2]);
      expect(await found({ tokenHash: jwts[0]?.tokenHash })).toEqual([0]);
      expect(await found({ from: later })).toEqual([2, 1]);
      expect(await found({ to: later })).toEqual([0]);
      expect(await found({ before: 3, limit: 1 })).toEqual([1]);
      expect((await ledger.jwtsAfter(1, 10)).map(({ number }) => number)).toEqual([2, 3]);
    });
  });

  describe(`${name}: tokens`, () => {
    each('are found by the hash of their secret', async (ledger) => {
      const token = aToken({ dnsNames: ['localhost'] });
      await ledger.addToken(token);
      expect(await ledger.findToken(token.hash)).toEqual({ ...token, redeemedAt: undefined });
      expect(await ledger.findToken(hash())).toBeUndefined();
    });

    each('of 50 parallel redemptions one succeeds, and one intent stands', async (ledger) => {
      const token = aToken();
      await ledger.addToken(token);
      const redeem = { hash: token.hash, at };
      const tries = Array.from({ length: 50 }, () => ledger.intend(anIntent(), redeem));
      const settled = await Promise.allSettled(tries);
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      for (const result of settled) {
        if (result.status === 'rejected') expect(result.reason).toMatchObject({ code: 'UNAUTHENTICATED' });
      }
      expect(await ledger.list({ limit: 100 })).toHaveLength(1);
      expect(await ledger.findToken(token.hash)).toMatchObject({ redeemedAt: at });
    });

    each('are not redeemed when expired or unknown, and say so', async (ledger) => {
      const token = aToken();
      await ledger.addToken(token);
      await expect(ledger.intend(anIntent(), { hash: token.hash, at: later })).rejects.toThrow(/expired/);
      await expect(ledger.intend(anIntent(), { hash: hash(), at })).rejects.toThrow(/not known/);
      await ledger.intend(anIntent(), { hash: token.hash, at });
      await expect(ledger.intend(anIntent(), { hash: token.hash, at })).rejects.toThrow(/was used/);
    });

    each('are not spent by an intent that cannot stand', async (ledger) => {
      const [token, intent] = [aToken(), anIntent()];
      await ledger.addToken(token);
      await ledger.intend(intent);
      await expect(ledger.intend(intent, { hash: token.hash, at })).rejects.toMatchObject({ code: 'UNAVAILABLE' });
      expect((await ledger.findToken(token.hash))?.redeemedAt).toBeUndefined();
    });

    each('are listed newest first and forgotten after their time', async (ledger) => {
      const [old, fresh] = [aToken(), aToken({ createdAt: later, expiresAt: new Date('2031-01-01T00:00:00Z') })];
      await ledger.addToken(old);
      await ledger.addToken(fresh);
      expect((await ledger.listTokens()).map(({ id }) => id)).toEqual([fresh.id, old.id]);
      expect(await ledger.pruneTokens(new Date('2030-06-01T00:00:00Z'))).toBe(1);
      expect((await ledger.listTokens()).map(({ id }) => id)).toEqual([fresh.id]);
    });
  });

  describe(`${name}: authorities`, () => {
    const record = (id: string) => {
      const parts = { root: Uint8Array.of(1), issuing: Uint8Array.of(2), jwtKey: Uint8Array.of(3) };
      return { id, state: 'prepared', ...parts, since: at } as const;
    };

    each('are kept with their state, oldest first, and every change is counted', async (ledger) => {
      expect(await ledger.listAuthorities()).toEqual({ records: [], sequence: 0 });
      await ledger.putAuthorities([record('a')]);
      await ledger.putAuthorities([record('b')]);
      await ledger.putAuthorities([
        { ...record('a'), state: 'old', since: later },
        { ...record('b'), state: 'active', issuing: Uint8Array.of(9) },
      ]);
      const { records, sequence } = await ledger.listAuthorities();
      expect(sequence).toBe(3);
      expect(records.map(({ id, state, issuing }) => [id, state, issuing[0]])).toEqual([
        ['a', 'old', 2],
        ['b', 'active', 9],
      ]);
    });

    each('keep root and JWT key for good', async (ledger) => {
      await ledger.putAuthorities([record('a')]);
      await ledger.putAuthorities([{ ...record('a'), root: Uint8Array.of(8), jwtKey: Uint8Array.of(8) }]);
      const [kept] = (await ledger.listAuthorities()).records;
      expect([kept?.root[0], kept?.jwtKey[0]]).toEqual([1, 3]);
    });
  });
}
