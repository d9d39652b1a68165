import { createECDH, createPublicKey, generateKeyPairSync, type JsonWebKey, type KeyObject } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { readRequest } from '#ca/csr/read-request.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import { oids } from '#ca/der/oids.ts';
import { contextTag, tags } from '#ca/der/tags.ts';
import * as der from '#ca/der/write.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import * as csr from '#test/fakes/certificate-requests.ts';

const { attributes, buildRequest, extension, extensionRequest, names, spkiOf, testKey, uriName } = csr;

function refusalOf(bytes: Uint8Array): string {
  try {
    readRequest(bytes);
  } catch (error) {
    if (error instanceof GarrisonError && error.code === 'INVALID_ARGUMENT') return error.describe();
    throw error;
  }
  return 'accepted';
}

const keys: Record<string, KeyObject> = {
  'P-256': testKey,
  'P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey,
  Ed25519: generateKeyPairSync('ed25519').privateKey,
  'RSA-2048': generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey,
  'RSA-3072': generateKeyPairSync('rsa', { modulusLength: 3072 }).privateKey,
};

describe('a request that is right', () => {
  test.each(Object.entries(keys))('%s', (_, key) => {
    const { publicKey } = readRequest(buildRequest({}, key));
    expect(publicKey.key.equals(createPublicKey(key))).toBe(true);
  });

  test.each(Object.entries(keys))('%s, as we write it ourselves', async (_, key) => {
    expect(readRequest(await writeRequest(keySigner(key))).publicKey.spki).toEqual(new Uint8Array(spkiOf(key)));
  });

  test('names are told, not granted', () => {
    const dns = der.element(0x82, Buffer.from('a.example'));
    const asked = attributes(extensionRequest(names(uriName('spiffe://td/ns/a/sa/b'), dns)));
    expect(readRequest(buildRequest({ attributes: asked })).names).toEqual({
      uris: ['spiffe://td/ns/a/sa/b'],
      dnsNames: ['a.example'],
    });
  });

  test('a challenge password and a subject are of no interest', () => {
    const password = der.sequence(der.oid('1.2.840.113549.1.9.7'), der.setOf(der.utf8String('secret')));
    const subject = csr.commonName('someone else');
    expect(readRequest(buildRequest({ attributes: attributes(password), subject })).names.uris).toEqual([]);
  });
});

const ec = (curve: string): Uint8Array => spkiOf(generateKeyPairSync('ec', { namedCurve: curve }).privateKey);
const rsa = (bits: number, exponent = 65537): KeyObject =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent }).privateKey;

function rsaSpki(modulus: Uint8Array, exponent: Uint8Array): Uint8Array {
  const algorithm = der.sequence(der.oid(oids.rsaEncryption), der.nullValue());
  return der.sequence(algorithm, der.bitString(der.sequence(der.element(2, modulus), der.element(2, exponent))));
}

function spkiOfJwk(jwk: JsonWebKey): Uint8Array {
  return createPublicKey({ key: jwk, format: 'jwk' }).export({ format: 'der', type: 'spki' });
}

function generator(): Uint8Array {
  const one = createECDH('prime256v1');
  one.setPrivateKey(Buffer.from('1'.padStart(64, '0'), 'hex'));
  const point = one.getPublicKey();
  const [x, y] = [point.subarray(1, 33), point.subarray(33)].map((each) => each.toString('base64url')) as [
    string,
    string,
  ];
  return spkiOfJwk({ kty: 'EC', crv: 'P-256', x, y });
}

/** In the group of 65537 modulo each of the primes that tell (CVE-2017-15361), and without a small factor. */
function infineonLike(): Uint8Array {
  const telling = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
  const product = telling.reduce((all, prime) => all * BigInt(prime), 2n);
  const small = Array.from({ length: 750 }, (_, n) => n + 2).filter((n) =>
    [2, 3, 5, 7, 11, 13, 17, 19, 23].every((p) => n === p || n % p !== 0),
  );
  let modulus = ((1n << 2047n) / product) * product + (65537n ** 3n % product) + product;
  while (small.some((prime) => modulus % BigInt(prime) === 0n)) modulus += product;
  return Buffer.from(`00${modulus.toString(16)}`, 'hex');
}

function modulusOf(key: KeyObject): Uint8Array {
  return Buffer.concat([
    Uint8Array.of(0),
    Buffer.from(createPublicKey(key).export({ format: 'jwk' }).n ?? '', 'base64url'),
  ]);
}

function edwards(y: string): Uint8Array {
  return der.sequence(der.sequence(der.oid(oids.ed25519)), der.bitString(Buffer.from(y.padEnd(64, '0'), 'hex')));
}

const f4 = Uint8Array.of(1, 0, 1);
const good = modulusOf(keys['RSA-2048']!);
const ca = extension(oids.basicConstraints, der.sequence(der.boolean(true)));
const spki = spkiOf(testKey);
const point = spki.subarray(-65);
const offCurve = Buffer.from(spki);
offCurve[offCurve.length - 1]! ^= 1;
const p256 = der.sequence(der.oid(oids.idEcPublicKey), der.oid(oids.prime256v1));

/** A modulus of two primes that differ only in their last bits. */
function closePrimes(): Uint8Array {
  // 2^1024 - 105 and 2^1024 - 105 - 2·10^6 need not be prime for Fermat's method to split their product.
  const a = 2n ** 1024n - 2n ** 1014n + 1299721n;
  return Buffer.from(`00${(a * (a + 3000n)).toString(16)}`, 'hex');
}

const broken: Record<string, [Uint8Array, RegExp]> = {
  nothing: [new Uint8Array(0), /lacks/],
  'more than 8 KiB': [new Uint8Array(1 << 20), /longer than 8192/],
  'a byte after it': [Buffer.concat([buildRequest(), Uint8Array.of(0)]), /cut short|after its end/],
  'an element after it': [Buffer.concat([buildRequest(), der.nullValue()]), /after its end/],
  'a fourth part': [buildRequest({ after: der.nullValue() }), /after its end/],
  'version 2': [buildRequest({ version: der.smallInteger(1) }), /version/],
  'an empty integer': [buildRequest({ version: der.element(2) }), /integer without content/],
  'a negative integer': [buildRequest({ version: der.element(2, Uint8Array.of(0xff)) }), /negative/],
  'an integer with a needless zero': [buildRequest({ version: der.element(2, Uint8Array.of(0, 0)) }), /shortest form/],
  'an indefinite length': [Uint8Array.of(0x30, 0x80, 0, 0), /indefinite/],
  'a long length for a short one': [Buffer.concat([Uint8Array.of(0x30, 0x81, 0x02, 5, 0)]), /shortest form/],
  'no attributes': [buildRequest({ attributes: new Uint8Array(0) }), /lacks `attributes`/],
  'a signature of another key': [buildRequest({ spki: ec('P-256') }), /its own key did not make/],
  'a signature over other bytes': [
    buildRequest({ signed: (info) => Buffer.concat([info, Uint8Array.of(0)]) }),
    /its own key did not make/,
  ],
  'an empty signature': [buildRequest({ signature: new Uint8Array(0) }), /its own key did not make/],
  'SHA-1': [buildRequest({ algorithm: der.sequence(der.oid('1.2.840.10045.4.1')) }), /not accepted/],
  'an algorithm of another kind of key': [
    buildRequest({ algorithm: der.sequence(der.oid(oids.ed25519)) }),
    /not its key/,
  ],
  'parameters where none belong': [
    buildRequest({ algorithm: der.sequence(der.oid(oids.ecdsaWithSha256), der.nullValue()) }),
    /after its end/,
  ],
  'P-521': [buildRequest({ spki: ec('P-521') }), /unknown kind/],
  secp256k1: [buildRequest({ spki: ec('secp256k1') }), /unknown kind/],
  X25519: [buildRequest({ spki: spkiOf(generateKeyPairSync('x25519').privateKey) }), /unknown kind/],
  DSA: [buildRequest({ spki: der.sequence(der.sequence(der.oid('1.2.840.10040.4.1')), der.bitString(f4)) }), /unknown/],
  'a curve by its parameters': [
    buildRequest({
      spki: der.sequence(der.sequence(der.oid(oids.idEcPublicKey), der.sequence()), der.bitString(point)),
    }),
    /does not name its curve/,
  ],
  'a compressed point': [
    buildRequest({ spki: der.sequence(p256, der.bitString(Buffer.concat([Uint8Array.of(2), point.subarray(1, 33)]))) }),
    /long form/,
  ],
  'the point at infinity': [buildRequest({ spki: der.sequence(p256, der.bitString(Uint8Array.of(0))) }), /long form/],
  'a point off the curve': [buildRequest({ spki: offCurve }), /no usable key/],
  'RSA-1024': [buildRequest({}, rsa(1024)), /1024 bits/],
  'RSA of 8192 bits': [
    buildRequest({ spki: rsaSpki(Buffer.concat([Uint8Array.of(0), Buffer.alloc(1024, 0xff)]), f4) }),
    /8192 bits/,
  ],
  'RSA of 2047 bits': [
    buildRequest({ spki: rsaSpki(Buffer.concat([Uint8Array.of(0x7f), Buffer.alloc(255, 0xff)]), f4) }),
    /2047 bits/,
  ],
  'RSA of 2056 bits but not 2050': [
    buildRequest({ spki: rsaSpki(Buffer.concat([Uint8Array.of(3), Buffer.alloc(256, 0xff)]), f4) }),
    /multiple of 8/,
  ],
  'exponent 3': [buildRequest({}, rsa(2048, 3)), /exponent below/],
  'exponent 1': [buildRequest({ spki: rsaSpki(good, Uint8Array.of(1)) }), /exponent below/],
  'an even exponent': [buildRequest({ spki: rsaSpki(good, Uint8Array.of(1, 0, 0)) }), /even RSA exponent/],
  'a huge exponent': [buildRequest({ spki: rsaSpki(good, Buffer.alloc(5, 0x11)) }), /exponent above/],
  'a negative exponent': [buildRequest({ spki: rsaSpki(good, Uint8Array.of(0x81)) }), /negative/],
  'an even modulus': [
    buildRequest({ spki: rsaSpki(Buffer.concat([good.subarray(0, 256), Uint8Array.of(2)]), f4) }),
    /even RSA modulus/,
  ],
  'a modulus with a small factor': [
    buildRequest({
      spki: rsaSpki(Buffer.from(`00${((((1n << 2047n) / 751n) | 1n) * 751n + 1502n).toString(16)}`, 'hex'), f4),
    }),
    /small factor|exponent|bits/,
  ],
  'a modulus of close primes': [buildRequest({ spki: rsaSpki(closePrimes(), f4) }), /too close|small factor/],
  'a modulus of Infineon’s generator': [buildRequest({ spki: rsaSpki(infineonLike(), f4) }), /broken generator/],
  'the P-256 key of RFC 7515': [
    buildRequest({
      spki: spkiOfJwk({
        kty: 'EC',
        crv: 'P-256',
        x: 'f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU',
        y: 'x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0',
      }),
    }),
    /private half is published \(RFC 7515 A.3\)/,
  ],
  'the Ed25519 key of RFC 8032': [
    buildRequest({ spki: edwards('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a') }),
    /private half is published \(RFC 8032 7.1\)/,
  ],
  'the P-256 key whose private half is 1': [buildRequest({ spki: generator() }), /the generator of P-256/],
  'an Ed25519 key of order 1': [buildRequest({ spki: edwards('01') }), /small order/],
  'an Ed25519 key of order 4': [buildRequest({ spki: edwards('00') }), /small order/],
  'an Ed25519 key beyond the field': [buildRequest({ spki: edwards('f'.repeat(63) + 'f') }), /canonical/],
  'CA:TRUE': [buildRequest({ attributes: attributes(extensionRequest(ca)) }), /an authority/],
  'two URI names': [
    buildRequest({
      attributes: attributes(extensionRequest(names(uriName('spiffe://td/a'), uriName('spiffe://td/b')))),
    }),
    /more than one URI/,
  ],
  'two name extensions': [
    buildRequest({
      attributes: attributes(extensionRequest(names(uriName('spiffe://td/a')), names(uriName('spiffe://td/b')))),
    }),
    /twice/,
  ],
  'two extension requests': [
    buildRequest({
      attributes: attributes(extensionRequest(names()), extensionRequest(names(uriName('spiffe://td/b')))),
    }),
    /second request/,
  ],
  'a NUL in a URI': [
    buildRequest({ attributes: attributes(extensionRequest(names(uriName('spiffe://td/a\u0000b')))) }),
    /control/,
  ],
  'a NUL in the subject': [buildRequest({ subject: csr.commonName('a\u0000b') }), /NUL/],
  'a subject with a number for a name': [
    buildRequest({ subject: der.sequence(der.setOf(der.sequence(der.oid(oids.commonName), der.smallInteger(7)))) }),
    /no text/,
  ],
  'a subject with an empty part': [buildRequest({ subject: der.sequence(der.element(tags.set)) }), /lacks/],
  'a subject that is a list of texts': [buildRequest({ subject: der.sequence(der.utf8String('a')) }), /./],
  'a subject that is not UTF-8': [buildRequest({ subject: csr.commonName('\xff') }), /UTF-8/],
  'a subject in an odd alphabet': [buildRequest({ subject: csr.commonName('ab', tags.bmpString) }), /no place here/],
  'critical written as FALSE': [
    buildRequest({
      attributes: attributes(
        extensionRequest(der.sequence(der.oid(oids.keyUsage), der.boolean(false), der.octetString())),
      ),
    }),
    /default/,
  ],
  'attributes out of order': [
    buildRequest({ subject: der.sequence(der.element(tags.set, der.utf8String('b'), der.utf8String('a'))) }),
    /not in order/,
  ],
  'nesting without end': [
    Array.from({ length: 60 }).reduce<Uint8Array>((inner) => der.sequence(inner), new Uint8Array(0)),
    /too deeply/,
  ],
  'a high tag number': [
    buildRequest({ attributes: der.element(contextTag(0), Uint8Array.of(0x1f, 0x01, 0)) }),
    /tag number/,
  ],
};

describe('a request with one thing broken is refused:', () => {
  test.each(Object.entries(broken))('%s', (_, [bytes, why]) => {
    expect(refusalOf(bytes)).toMatch(why);
  });
});
