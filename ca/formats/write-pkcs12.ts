import { createHmac } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { oids } from '../der/oids.ts';
import { contextTag, primitiveContextTag, tags } from '../der/tags.ts';
import { element, nullValue, octetString, oid, sequence, setOf, smallInteger } from '../der/write.ts';
import { encryptForStore, storeIterations } from './encrypt-for-store.ts';
import { deriveMacKey } from './pkcs12-key.ts';

export interface KeyEntry {
  /** PKCS#8, plain. */
  readonly privateKey: Uint8Array;
  /** DER, leaf first. */
  readonly chain: readonly Uint8Array[];
  readonly alias: string;
}

export interface TrustedEntry {
  readonly certificate: Uint8Array;
  readonly alias: string;
}

interface Protection {
  readonly password: string;
  readonly random: (bytes: number) => Uint8Array;
}

/** A PKCS#12 key store (RFC 7292) of one key and its chain. */
export function writeKeyStore({ privateKey, chain, alias }: KeyEntry, protection: Protection): Uint8Array {
  const { password, random } = checked(protection);
  // What ties the key to the first of the certificates, for readers that go by it rather than by the name.
  const keyId = attribute(oids.localKeyId, octetString(Uint8Array.of(1)));
  const names = [friendlyName(alias), keyId];
  const certificates = chain.map((der, index) => certificateBag(der, index === 0 ? names : []));
  const { algorithm, content } = encryptForStore(privateKey, password, random);
  const key = sequence(
    oid(oids.shroudedKeyBag),
    element(contextTag(0), sequence(algorithm, octetString(content))),
    setOf(...names),
  );
  return store([encrypted(sequence(...certificates), protection), plain(sequence(key))], protection);
}

/** A PKCS#12 store of certificates to trust, marked as Java wants them marked. */
export function writeTrustStore(entries: readonly TrustedEntry[], protection: Protection): Uint8Array {
  const trusted = attribute(oids.oracleTrustedKeyUsage, oid(oids.anyExtendedKeyUsage));
  const bags = entries.map(({ certificate, alias }) => certificateBag(certificate, [friendlyName(alias), trusted]));
  return store([encrypted(sequence(...bags), checked(protection))], protection);
}

/** Tools disagree on how other characters become bytes, and Java refuses them: a store must open everywhere. */
function checked(protection: Protection): Protection {
  if (/^[\x20-\x7e]{1,1000}$/.test(protection.password)) return protection;
  throw new GarrisonError(
    'INVALID_ARGUMENT',
    'the password of a key store must be 1 to 1000 printable ASCII characters',
  );
}

function store(contents: readonly Uint8Array[], { password, random }: Protection): Uint8Array {
  const safe = sequence(...contents);
  const salt = random(16);
  const mac = createHmac('sha256', deriveMacKey(password, salt, storeIterations))
    .update(safe)
    .digest();
  const digest = sequence(sequence(oid(oids.sha256), nullValue()), octetString(mac));
  return sequence(
    smallInteger(3),
    contentInfo(oids.pkcs7Data, octetString(safe)),
    sequence(digest, octetString(salt), smallInteger(storeIterations)),
  );
}

function contentInfo(type: string, content: Uint8Array): Uint8Array {
  return sequence(oid(type), element(contextTag(0), content));
}

function plain(content: Uint8Array): Uint8Array {
  return contentInfo(oids.pkcs7Data, octetString(content));
}

function encrypted(content: Uint8Array, { password, random }: Protection): Uint8Array {
  const made = encryptForStore(content, password, random);
  const info = sequence(oid(oids.pkcs7Data), made.algorithm, element(primitiveContextTag(0), made.content));
  return contentInfo(oids.pkcs7EncryptedData, sequence(smallInteger(0), info));
}

function certificateBag(der: Uint8Array, attributes: readonly Uint8Array[]): Uint8Array {
  const certificate = sequence(oid(oids.x509Certificate), element(contextTag(0), octetString(der)));
  const more = attributes.length === 0 ? [] : [setOf(...attributes)];
  return sequence(oid(oids.certificateBag), element(contextTag(0), certificate), ...more);
}

function attribute(type: string, value: Uint8Array): Uint8Array {
  return sequence(oid(type), setOf(value));
}

function friendlyName(alias: string): Uint8Array {
  return attribute(oids.friendlyName, element(tags.bmpString, Buffer.from(alias, 'utf16le').swap16()));
}
