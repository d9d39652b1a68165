import { createHash } from 'node:crypto';

const hashBytes = 32;
const blockBytes = 64;

/** What a derived key is for (RFC 7292 §B.3). The others served ciphers that nobody should use any more. */
const forMac = 3;

/** The MAC key of a PKCS#12 store: RFC 7292 §B.2 with SHA-256, for a password of ASCII characters. */
export function deriveMacKey(password: string, salt: Uint8Array, iterations: number): Uint8Array {
  const input = Buffer.concat([
    Buffer.alloc(blockBytes, forMac),
    stretched(salt),
    // BMPString with its terminating zero (§B.1).
    stretched(Buffer.from(`${password}\0`, 'utf16le').swap16()),
  ]);
  // One block of SHA-256 is as long as the key it makes, so that step 6 of the standard never repeats.
  let key = createHash('sha256').update(input).digest();
  for (let round = 1; round < iterations; round += 1) key = createHash('sha256').update(key).digest();
  return key.subarray(0, hashBytes);
}

/** Repeated until it fills whole blocks. */
function stretched(text: Uint8Array): Uint8Array {
  const out = Buffer.alloc(blockBytes * Math.ceil(text.length / blockBytes));
  for (let at = 0; at < out.length; at += 1) out[at] = text[at % text.length] ?? 0;
  return out;
}
