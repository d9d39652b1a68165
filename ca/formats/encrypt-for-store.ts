import { createCipheriv, pbkdf2Sync } from 'node:crypto';
import { oids } from '../der/oids.ts';
import { nullValue, octetString, oid, sequence, smallInteger } from '../der/write.ts';

/** What a key store costs a guesser; Java and OpenSSL both read any number up to millions. */
export const storeIterations = 100_000;

export interface EncryptedForStore {
  /** AlgorithmIdentifier. */
  readonly algorithm: Uint8Array;
  readonly content: Uint8Array;
}

/** PBES2 with PBKDF2-HMAC-SHA-256 and AES-256-CBC (RFC 8018): the strongest that both OpenSSL and Java open. */
export function encryptForStore(
  plain: Uint8Array,
  password: string,
  random: (bytes: number) => Uint8Array,
): EncryptedForStore {
  const salt = random(16);
  const iv = random(16);
  const cipher = createCipheriv('aes-256-cbc', pbkdf2Sync(password, salt, storeIterations, 32, 'sha256'), iv);
  const content = Buffer.concat([cipher.update(plain), cipher.final()]);
  const derivation = sequence(
    oid(oids.pbkdf2),
    sequence(octetString(salt), smallInteger(storeIterations), sequence(oid(oids.hmacWithSha256), nullValue())),
  );
  const encryption = sequence(oid(oids.aes256Cbc), octetString(iv));
  return { algorithm: sequence(oid(oids.pbes2), sequence(derivation, encryption)), content };
}
