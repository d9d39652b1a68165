const prime = 2n ** 255n - 19n;

/**
 * y coordinates of the eight points of small order: a signature under such a key verifies for almost any message
 * (node-forge CVE-2026-33895 and kin), so that possession of a private key proves nothing.
 */
const smallOrderY: ReadonlySet<bigint> = new Set([
  0n,
  1n,
  prime - 1n,
  2707385501144840649318225287225658788936804267575313519463743609750303402022n,
  prime - 2707385501144840649318225287225658788936804267575313519463743609750303402022n,
]);

/** What is wrong with an Ed25519 public key, if anything is. */
export function edwardsFault(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 32) return 'has an Ed25519 key that is not 32 bytes';
  const bigEndian = Buffer.from(bytes).reverse();
  bigEndian[0] = (bigEndian[0] ?? 0) & 0x7f;
  const y = BigInt(`0x${bigEndian.toString('hex')}`);
  if (y >= prime) return 'has an Ed25519 key that is not in its canonical form';
  return smallOrderY.has(y) ? 'has an Ed25519 key of small order' : undefined;
}
