import { createPublicKey, type KeyObject } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { DerReader } from '../der/read.ts';
import { oids } from '../der/oids.ts';
import { tags } from '../der/tags.ts';
import { encodePem } from '../pem.ts';
import { edwardsFault } from './edwards-strength.ts';
import { publishedIn } from './published-keys.ts';
import { checkRsaStrength } from './rsa-strength.ts';

export const keyTypes = ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa'] as const;
export type KeyType = (typeof keyTypes)[number];

/** A public key that may be certified. */
export interface PublicKey {
  readonly type: KeyType;
  /** SubjectPublicKeyInfo, as it was received. */
  readonly spki: Uint8Array;
  /** The BIT STRING's content: what key identifiers are made of (RFC 5280 §4.2.1.2). */
  readonly bits: Uint8Array;
  readonly key: KeyObject;
}

const acceptedKeys = 'use P-256, P-384, Ed25519, or RSA of 2048 to 4096 bits';

/** Reads a SubjectPublicKeyInfo and refuses every key that must not be certified. */
export function readPublicKey(spki: Uint8Array, place = 'public key'): PublicKey {
  const outer = new DerReader(spki, place);
  const info = outer.enter(tags.sequence, 'subjectPublicKeyInfo');
  outer.end();
  const type = keyTypeOf(info.enter(tags.sequence, 'algorithm'), place);
  const bits = info.octetsOfBitString('subjectPublicKey');
  info.end();
  checkStrength(type, bits, place);
  const published = publishedIn(spki);
  if (published !== undefined) throw weak(place, `has a key whose private half is published (${published})`);
  return { type, spki, bits, key: importKey(spki, place) };
}

function keyTypeOf(algorithm: DerReader, place: string): KeyType {
  const name = algorithm.oid('algorithm');
  const type = knownType(name, algorithm);
  if (type === undefined) throw weak(place, `has a key of an unknown kind, \`${name}\``);
  algorithm.end();
  return type;
}

function knownType(name: string, algorithm: DerReader): KeyType | undefined {
  switch (name) {
    case oids.ed25519:
      return 'ed25519';
    case oids.rsaEncryption:
      if (algorithm.expect(tags.null, 'parameters').content.length > 0)
        throw algorithm.fault('has a null with content');
      return 'rsa';
    case oids.idEcPublicKey: {
      // Explicit curve parameters would let the caller choose a curve on which it knows every private key (CVE-2020-0601).
      if (algorithm.peek() !== tags.oid) throw algorithm.fault('does not name its curve');
      const curve = algorithm.oid('namedCurve');
      if (curve === oids.prime256v1) return 'ecdsa-p256';
      if (curve === oids.secp384r1) return 'ecdsa-p384';
      return undefined;
    }
    default:
      return undefined;
  }
}

function checkStrength(kind: KeyType, bits: Uint8Array, place: string): void {
  const refuse = (why: string): GarrisonError => weak(place, why);
  switch (kind) {
    case 'ecdsa-p256':
    case 'ecdsa-p384': {
      const size = kind === 'ecdsa-p256' ? 32 : 48;
      if (bits.length !== 1 + 2 * size || bits[0] !== 4) throw refuse('has an EC point that is not in its long form');
      return;
    }
    case 'ed25519': {
      const fault = edwardsFault(bits);
      if (fault !== undefined) throw refuse(fault);
      return;
    }
    case 'rsa':
      checkRsaStrength(bits, refuse);
      return;
    default:
      kind satisfies never;
  }
}

/** OpenSSL also refuses what only arithmetic shows, such as a point that is not on its curve. */
function importKey(spki: Uint8Array, place: string): KeyObject {
  try {
    // As text: node looks for a key object in every object first, by way of an exception that costs as much as the import.
    return createPublicKey(encodePem('PUBLIC KEY', spki));
  } catch (cause) {
    throw new GarrisonError('INVALID_ARGUMENT', `${place} is no usable key`, { remedy: acceptedKeys, cause });
  }
}

function weak(place: string, why: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `${place} ${why}`, { remedy: acceptedKeys });
}
