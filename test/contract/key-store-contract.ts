import { generateKeyPairSync, verify } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { keySigner } from '#ca/keys/signer.ts';
import { keyRoles, type KeyStore } from '#services/ca/keys/key-store.ts';

export interface KeyStoreUnderTest extends AsyncDisposable {
  readonly keys: KeyStore;
  /** The same place, opened again: what was kept is there. */
  again(): Promise<KeyStore>;
}

const message = Buffer.from('message');

/** What every place for an authority's keys owes the authority. */
export function describeKeyStore(name: string, make: () => Promise<KeyStoreUnderTest>): void {
  describe(`the contract of a key store: ${name}`, () => {
    test.each(keyRoles)('a kept %s key is found by its public half, after a restart too, and signs', async (role) => {
      await using made = await make();
      const fresh = await made.keys.make(role);
      await fresh.keep('a1');
      const { publicKey } = fresh.signer;
      expect(publicKey.type).toBe('ecdsa-p256');
      const place = { authority: 'a1', role, key: publicKey };
      for (const store of [made.keys, await made.again()]) {
        expect(await store.has(place)).toBe(true);
        const signer = await store.open(place);
        expect(signer.publicKey.key.equals(publicKey.key)).toBe(true);
        expect(verify('sha256', message, publicKey.key, await signer.sign(message))).toBe(true);
      }
    });

    test('two keys of one role are two keys', async () => {
      await using made = await make();
      const [one, two] = [await made.keys.make('issuing'), await made.keys.make('issuing')];
      await one.keep('a1');
      await two.keep('a1');
      for (const { signer } of [one, two]) {
        const found = await made.keys.open({ authority: 'a1', role: 'issuing', key: signer.publicKey });
        expect(verify('sha256', message, signer.publicKey.key, await found.sign(message))).toBe(true);
      }
    });

    test('what was discarded or removed is gone, and removing it again is no error', async () => {
      await using made = await make();
      const discarded = await made.keys.make('issuing');
      await discarded.discard();
      const removed = await made.keys.make('issuing');
      await removed.keep('a1');
      const places = [discarded, removed].map(({ signer }) => ({
        authority: 'a1',
        role: 'issuing' as const,
        key: signer.publicKey,
      }));
      for (const place of places) {
        await made.keys.remove(place);
        await made.keys.remove(place);
        expect(await made.keys.has(place)).toBe(false);
        await expect(made.keys.open(place)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
      }
    });

    test('a key that was never there is not', async () => {
      await using made = await make();
      const { publicKey } = keySigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey);
      const place = { authority: 'a1', role: 'issuing', key: publicKey } as const;
      expect(await made.keys.has(place)).toBe(false);
      await expect(made.keys.open(place)).rejects.toMatchObject({ code: 'FAILED_PRECONDITION' });
    });
  });
}
