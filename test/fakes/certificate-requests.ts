import { createPublicKey, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { oids } from '#ca/der/oids.ts';
import { contextTag, primitiveContextTag, tags } from '#ca/der/tags.ts';
import * as der from '#ca/der/write.ts';

/** Parts of a request that a test may replace: the bare minimum is right, then one thing is broken. */
export interface RequestParts {
  version?: Uint8Array;
  subject?: Uint8Array;
  spki?: Uint8Array;
  attributes?: Uint8Array;
  algorithm?: Uint8Array;
  signature?: Uint8Array;
  signed?: (info: Uint8Array) => Uint8Array;
  after?: Uint8Array;
}

export const testKey: KeyObject = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;

export function spkiOf(privateKey: KeyObject): Uint8Array {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' });
}

export function buildRequest(parts: RequestParts = {}, key: KeyObject = testKey): Uint8Array {
  const info = der.sequence(
    parts.version ?? der.smallInteger(0),
    parts.subject ?? der.sequence(),
    parts.spki ?? spkiOf(key),
    parts.attributes ?? der.element(contextTag(0)),
  );
  const signed = (parts.signed ?? ((bytes) => bytes))(info);
  const ec = key.asymmetricKeyType === 'ec';
  const rsa = key.asymmetricKeyType === 'rsa';
  const signature = parts.signature ?? sign(ec || rsa ? 'sha256' : null, signed, key);
  const name = ec ? oids.ecdsaWithSha256 : rsa ? oids.sha256WithRsa : oids.ed25519;
  const algorithm = parts.algorithm ?? der.sequence(der.oid(name), ...(rsa ? [der.nullValue()] : []));
  return der.sequence(info, algorithm, der.bitString(signature), parts.after ?? new Uint8Array(0));
}

export function extension(name: string, value: Uint8Array, critical = false): Uint8Array {
  return der.sequence(der.oid(name), ...(critical ? [der.boolean(true)] : []), der.octetString(value));
}

export function extensionRequest(...extensions: Uint8Array[]): Uint8Array {
  return der.sequence(der.oid(oids.extensionRequest), der.setOf(der.sequence(...extensions)));
}

export function attributes(...members: Uint8Array[]): Uint8Array {
  return der.element(contextTag(0), ...members);
}

export function uriName(uri: string): Uint8Array {
  return der.element(primitiveContextTag(6), Buffer.from(uri, 'latin1'));
}

export function names(...members: Uint8Array[]): Uint8Array {
  return extension(oids.subjectAltName, der.sequence(...members));
}

export function commonName(text: string, tag: number = tags.utf8String): Uint8Array {
  const value = der.element(tag, Buffer.from(text, 'latin1'));
  return der.sequence(der.setOf(der.sequence(der.oid(oids.commonName), value)));
}
