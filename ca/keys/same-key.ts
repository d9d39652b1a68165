import type { KeyObject } from 'node:crypto';
import type { PublicKey } from './public-key.ts';

/**
 * By their DER, which is one per key: `KeyObject.equals` leaves "different key types" in OpenSSL's error queue,
 * and the next TLS connection that reads anything in this process fails with it.
 */
export function sameKey(one: PublicKey, other: PublicKey): boolean {
  return Buffer.compare(one.spki, other.spki) === 0;
}

/** The same for a key as node:crypto gives it, such as a certificate's. */
export function isKey(key: KeyObject, other: PublicKey): boolean {
  // Of one type the comparison leaves nothing behind, and writing a key as DER costs fifty times as much.
  return key.asymmetricKeyType === other.key.asymmetricKeyType && key.equals(other.key);
}
