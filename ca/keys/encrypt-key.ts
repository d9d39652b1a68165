import { createCipheriv, scryptSync, type KeyObject } from 'node:crypto';
import { oids } from '../der/oids.ts';
import { octetString, oid, sequence, smallInteger } from '../der/write.ts';

/** 16 MiB and about 50 ms a guess; OpenSSL refuses to read what needs more than 32 MiB. */
const cost = { N: 16_384, r: 8, p: 1 } as const;

/**
 * PKCS#8 EncryptedPrivateKeyInfo with PBES2, scrypt and AES-256-CBC (RFC 5958, RFC 8018, RFC 7914 §7):
 * OpenSSL reads it; node:crypto's own export would use 2,048 rounds of PBKDF2.
 */
export function encryptPrivateKey(
  key: KeyObject,
  passphrase: string,
  random: (bytes: number) => Uint8Array,
): Uint8Array {
  const salt = random(16);
  const iv = random(16);
  const secret = scryptSync(passphrase, salt, 32, cost);
  const cipher = createCipheriv('aes-256-cbc', secret, iv);
  const plain = key.export({ format: 'der', type: 'pkcs8' });
  const encrypted = Buffer.concat([cipher.update(plain), cipher.final()]);
  const derivation = sequence(
    oid(oids.scrypt),
    sequence(octetString(salt), smallInteger(cost.N), smallInteger(cost.r), smallInteger(cost.p)),
  );
  const encryption = sequence(oid(oids.aes256Cbc), octetString(iv));
  const algorithm = sequence(oid(oids.pbes2), sequence(derivation, encryption));
  return sequence(algorithm, octetString(encrypted));
}
