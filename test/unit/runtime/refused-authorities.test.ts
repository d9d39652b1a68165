import { X509Certificate } from 'node:crypto';
import { beforeAll, describe, expect, test } from '@jest/globals';
import { authorityId } from '#ca/authority-id.ts';
import { readIssuer } from '#ca/issue/issuer.ts';
import { whyNotBelieved } from '#runtime/refused-authorities.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';

const id = 'spiffe://cluster.local/ns/shop/sa/web';
let root: TestPki;
let revoked: TestPki;
let sound: TestPki;
let trust: Pick<Identity, 'bundle' | 'refused'>;

beforeAll(async () => {
  root = await TestPki.create();
  [revoked, sound] = [await root.under('issuing 1', 2), await root.under('issuing 2', 2)];
  trust = { bundle: root.bundle, refused: [revoked.pem] };
});

const shown = (pems: readonly string[]): X509Certificate[] => pems.map((pem) => new X509Certificate(pem));
const shownBy = ({ certificates }: Identity): X509Certificate[] => shown(certificates);

describe('of two authorities under one root one was revoked', () => {
  test('whoever it signed for is refused, and the reason names it', async () => {
    const name = authorityId(readIssuer(new X509Certificate(revoked.pem).raw));
    const why = whyNotBelieved(shownBy(await revoked.identity(id)), trust);
    expect(why).toBe(`the authority \`${name}\` that vouches for it was revoked`);
  });

  test('whoever the other one signed for is believed, and everybody where nothing was revoked', async () => {
    expect(whyNotBelieved(shownBy(await sound.identity(id)), trust)).toBeUndefined();
    expect(whyNotBelieved(shownBy(await root.identity(id)), trust)).toBeUndefined();
    expect(whyNotBelieved(shownBy(await revoked.identity(id)), { ...trust, refused: [] })).toBeUndefined();
    expect(whyNotBelieved(shownBy(await revoked.identity(id)), { bundle: root.bundle })).toBeUndefined();
  });

  test('a certificate that does not say who signed it is refused by its signature', async () => {
    const stolen = await revoked.identity(id, { anonymous: true });
    expect(whyNotBelieved(shownBy(stolen), trust)).toContain('was revoked');
    expect(whyNotBelieved(shownBy(await sound.identity(id, { anonymous: true })), trust)).toBeUndefined();
  });

  test('so is whoever stands under an authority below it, however deep, and whatever else is shown', async () => {
    const deep = await (await revoked.under('below', 1)).under('deeper');
    const { certificates } = await deep.identity(id);
    expect(certificates).toHaveLength(4);
    expect(whyNotBelieved(shown(certificates), trust)).toContain('was revoked');
    expect(whyNotBelieved(shown([...certificates].reverse()), trust)).toContain('was revoked');
    const [leaf = '', ...above] = certificates;
    expect(whyNotBelieved(shown([leaf, sound.pem, root.pem, ...above]), trust)).toContain('was revoked');
    const fine = await (await sound.under('below', 1)).under('deeper');
    const all = (await fine.identity(id)).certificates;
    expect(whyNotBelieved(shown(all), trust)).toBeUndefined();
    expect(whyNotBelieved(shown([all[0] ?? '', ...all.slice(1).reverse(), root.pem]), trust)).toBeUndefined();
  });

  test('who does not show what it stands on, or too much to be looked at, is refused', async () => {
    const [leaf = '', ...above] = (await (await sound.under('below')).identity(id)).certificates;
    expect(whyNotBelieved(shown([leaf]), trust)).toContain('cannot be told');
    expect(whyNotBelieved([], trust)).toContain('cannot be told');
    const many = Array.from({ length: 10 }, () => sound.pem);
    expect(whyNotBelieved(shown([leaf, ...above, ...many]), trust)).toContain('cannot be told');
    const other = await (await TestPki.create()).under('issuing 2');
    expect(whyNotBelieved(shownBy(await other.identity(id)), trust)).toContain('cannot be told');
  });
});
