import { execFileSync } from 'node:child_process';
import { sign, webcrypto } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';
import fc from 'fast-check';
import { readRequest, type CertificateRequest } from '#ca/csr/read-request.ts';
import { oids } from '#ca/der/oids.ts';
import { DerReader } from '#ca/der/read.ts';
import { tags } from '#ca/der/tags.ts';
import * as der from '#ca/der/write.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import {
  attributes,
  buildRequest,
  commonName,
  extensionRequest,
  names as csrNames,
  testKey,
  uriName,
} from '#test/fakes/certificate-requests.ts';
import { isInstalled } from '#test/fakes/installed.ts';

x509.cryptoProvider.set(webcrypto);

const folder = mkdtempSync(join(tmpdir(), 'garrison-csr-'));
afterAll(() => rmSync(folder, { recursive: true }));

function opensslRequest(name: string, ...options: string[]): Buffer {
  const out = join(folder, `${name}.der`);
  const names = ['-addext', 'subjectAltName=URI:spiffe://td/ns/a/sa/b,DNS:a.example'];
  const args = [
    'req',
    '-new',
    '-nodes',
    '-subj',
    '/O=Example/CN=a',
    '-keyout',
    join(folder, `${name}.key`),
    '-outform',
    'DER',
  ];
  execFileSync('openssl', [...args, '-out', out, ...names, ...options], { stdio: 'ignore' });
  return readFileSync(out);
}

const corpus = new Map<string, Uint8Array>();
const withOpenssl = isInstalled('openssl');

function addOpensslRequests(): void {
  corpus.set('openssl P-256', opensslRequest('p256', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'));
  corpus.set(
    'openssl P-384',
    opensslRequest('p384', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384', '-sha384'),
  );
  corpus.set('openssl Ed25519', opensslRequest('ed', '-newkey', 'ed25519'));
  corpus.set('openssl RSA', opensslRequest('rsa', '-newkey', 'rsa:2048'));
}

beforeAll(async () => {
  if (withOpenssl) addOpensslRequests();
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const request = await x509.Pkcs10CertificateRequestGenerator.create({
    name: 'CN=a',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://td/ns/a/sa/b' }])],
  });
  corpus.set('@peculiar/x509', new Uint8Array(request.rawData));
  corpus.set('ours', buildRequest());
});

/** What the reader makes of bytes; anything but its own typed refusal fails the test. */
function read(bytes: Uint8Array): CertificateRequest | undefined {
  try {
    return readRequest(bytes);
  } catch (error) {
    if (error instanceof GarrisonError && error.code === 'INVALID_ARGUMENT') return undefined;
    throw error;
  }
}

/** Two independent readers must find a request that we accept well-formed, signed, and over the same key. */
async function expectOraclesAgree(bytes: Uint8Array, read: CertificateRequest): Promise<void> {
  const peculiar = new x509.Pkcs10CertificateRequest(new Uint8Array(bytes));
  expect(Buffer.from(peculiar.publicKey.rawData).equals(read.publicKey.spki)).toBe(true);
  expect(await peculiar.verify()).toBe(true);
  if (!withOpenssl) return;
  const args = ['req', '-inform', 'DER', '-verify', '-noout', '-pubkey'];
  const pem = execFileSync('openssl', args, { input: bytes, stdio: ['pipe', 'pipe', 'ignore'] }).toString();
  expect(pem).toBe(read.publicKey.key.export({ format: 'pem', type: 'spki' }));
}

const ofOpenssl = ['openssl P-256', 'openssl P-384', 'openssl Ed25519', 'openssl RSA'];
const sources = [...(withOpenssl ? ofOpenssl : []), '@peculiar/x509', 'ours'];

describe.each(sources)('a request by %s', (source) => {
  const original = (): Uint8Array => new Uint8Array(corpus.get(source) ?? []);

  test('is accepted, as the oracles see it', async () => {
    const accepted = read(original());
    expect(accepted).toBeDefined();
    if (accepted !== undefined) await expectOraclesAgree(original(), accepted);
  });

  test('is refused when cut at any byte', () => {
    const bytes = original();
    for (let end = 0; end < bytes.length; end += 1) expect(read(bytes.subarray(0, end))).toBeUndefined();
  });

  test('is refused with anything after it', () => {
    for (const extra of [[0], [5, 0], [0x30, 0], [0xff]]) {
      expect(read(Buffer.concat([original(), Uint8Array.from(extra)]))).toBeUndefined();
    }
  });

  test('is refused when any one byte of it is changed, lengths included', () => {
    const bytes = original();
    for (let at = 0; at < bytes.length; at += 1) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ flip;
        expect(read(changed)).toBeUndefined();
      }
    }
  });
});

test('every length octet with every other value is refused', () => {
  const bytes = buildRequest();
  for (const at of lengthOctets(bytes, 0, bytes.length)) {
    for (let value = 0; value < 256; value += 1) {
      if (value === bytes[at]) continue;
      const changed = Uint8Array.from(bytes);
      changed[at] = value;
      expect(read(changed)).toBeUndefined();
    }
  }
});

test('rubbish is refused with a typed error', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => read(bytes) === undefined));
});

test('spliced requests are refused', () => {
  const both = fc.tuple(
    fc.constantFrom(...sources),
    fc.constantFrom(...sources),
    fc.double({ min: 0, max: 1, noNaN: true }),
  );
  fc.assert(
    fc.property(both, ([first, second, where]) => {
      fc.pre(first !== second);
      const a = corpus.get(first) ?? new Uint8Array();
      const b = corpus.get(second) ?? new Uint8Array();
      const cut = 1 + Math.floor(where * (Math.min(a.length, b.length) - 2));
      const spliced = Buffer.concat([a.subarray(0, cut), b.subarray(cut)]);
      return spliced.equals(b) || spliced.equals(a) || read(spliced) === undefined;
    }),
  );
});

/** What is signed must not be all that keeps structure right: the thief of nothing signs what he likes. */
test('what is broken and then signed is refused, or is what the oracles read', async () => {
  const names = attributes(extensionRequest(csrNames(uriName('spiffe://td/ns/a/sa/b'))));
  const info = infoOf(buildRequest({ attributes: names, subject: commonName('a') }));
  const places = lengthOctets(info, 0, info.length);
  const broken: Uint8Array[] = [];
  for (const at of places) for (let value = 0; value < 256; value += 1) broken.push(replaced(info, at, value));
  const anywhere = fc.tuple(fc.nat(info.length - 1), fc.nat(255));
  fc.assert(
    fc.property(anywhere, ([at, value]) => broken.push(replaced(info, at, value)) > 0),
    { numRuns: 2000 },
  );
  const accepted = new Map<string, [Uint8Array, CertificateRequest]>();
  for (const one of broken) {
    const request = signedRequest(one);
    const found = read(request);
    if (found !== undefined) accepted.set(Buffer.from(one).toString('hex'), [request, found]);
  }
  // The whole one is among them: a test that refuses everything would prove nothing.
  expect(accepted.has(Buffer.from(info).toString('hex'))).toBe(true);
  for (const [request, found] of [...accepted.values()].slice(0, 60)) await expectOraclesAgree(request, found);
});

function infoOf(request: Uint8Array): Uint8Array {
  return new DerReader(request, 'request').enter(tags.sequence, 'request').next().raw;
}

function replaced(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const changed = Uint8Array.from(bytes);
  changed[at] = value;
  return changed;
}

function signedRequest(info: Uint8Array): Uint8Array {
  const algorithm = der.sequence(der.oid(oids.ecdsaWithSha256));
  return der.sequence(info, algorithm, der.bitString(sign('sha256', info, testKey)));
}

/** Places of the length octets of every element reachable through constructed ones. */
function lengthOctets(bytes: Uint8Array, from: number, to: number): number[] {
  const places: number[] = [];
  for (let at = from; at < to;) {
    const tag = bytes[at] ?? 0;
    const first = bytes[at + 1] ?? 0;
    const extra = first < 0x80 ? 0 : first & 0x7f;
    const length = extra === 0 ? first : bytes.subarray(at + 2, at + 2 + extra).reduce((n, byte) => n * 256 + byte, 0);
    const content = at + 2 + extra;
    for (let i = at + 1; i < content; i += 1) places.push(i);
    if ((tag & 0x20) !== 0) places.push(...lengthOctets(bytes, content, content + length));
    at = content + length;
  }
  return places;
}
