import type { GarrisonError } from '#proto/errors/index.ts';
import { DerReader } from '../der/read.ts';
import { tags } from '../der/tags.ts';

/** Product of the primes below 752, as Boulder's goodkey divides by: no key generator yields such a factor. */
const smallPrimes = primesBelow(752).filter((prime) => prime > 2);
const smallProduct = smallPrimes.reduce((product, prime) => product * BigInt(prime), 1n);

/** Rounds in which Fermat's method would split a modulus of two primes that are too close together (CVE-2022-26320). */
const fermatRounds = 100;

/** Refuses RSA keys that are too small, too large to check cheaply, or known to be factorable. */
export function checkRsaStrength(bits: Uint8Array, refuse: (why: string) => GarrisonError): void {
  const outer = new DerReader(bits, 'RSA key');
  const key = outer.enter(tags.sequence, 'RSAPublicKey');
  outer.end();
  const modulusBytes = key.unsignedInteger('modulus');
  const exponentBytes = key.unsignedInteger('publicExponent');
  key.end();
  const size = bitLength(modulusBytes);
  if (size < 2048 || size > 4096) throw refuse(`has an RSA modulus of ${size} bits`);
  if (size % 8 !== 0) throw refuse(`has an RSA modulus of ${size} bits, which is no multiple of 8`);
  const modulus = toBigInt(modulusBytes);
  if ((modulus & 1n) === 0n) throw refuse('has an even RSA modulus');
  // BR 6.1.6: odd, and 2^16 + 1 or more; above 2^32 nobody's generator goes and verifying gets slow.
  if (exponentBytes.length > 4) throw refuse('has an RSA exponent above 2^32');
  const exponent = toBigInt(exponentBytes);
  if ((exponent & 1n) === 0n) throw refuse('has an even RSA exponent');
  if (exponent < 65537n) throw refuse('has an RSA exponent below 65537');
  if (greatestCommonDivisor(modulus % smallProduct, smallProduct) !== 1n) {
    throw refuse('has an RSA modulus with a small factor');
  }
  if (hasInfineonFingerprint(modulus)) throw refuse('has an RSA modulus of a broken generator (CVE-2017-15361)');
  if (splitsByFermat(modulus)) throw refuse('has an RSA modulus of two primes that are too close (CVE-2022-26320)');
}

function bitLength(bytes: Uint8Array): number {
  return bytes.length === 0 ? 0 : bytes.length * 8 - (Math.clz32(bytes[0] ?? 0) - 24);
}

function toBigInt(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
}

function primesBelow(limit: number): number[] {
  const primes: number[] = [];
  for (let n = 2; n < limit; n += 1) if (primes.every((prime) => n % prime !== 0)) primes.push(n);
  return primes;
}

function greatestCommonDivisor(a: bigint, b: bigint): bigint {
  while (b !== 0n) [a, b] = [b, a % b];
  return a;
}

/**
 * ROCA: primes made by Infineon's library are k·M + (65537^a mod M), so that the modulus lies in the group that
 * 65537 generates modulo each small prime. A sound key passes all of these by chance about once in 2^27.
 */
const infineonPrimes = [11, 13, 17, 19, 37, 53, 61, 71, 73, 79, 97, 103, 107, 109, 127, 151, 157];
const infineonGroups = infineonPrimes.map((prime) => ({ prime: BigInt(prime), group: powersOf(65537 % prime, prime) }));

function powersOf(base: number, prime: number): ReadonlySet<number> {
  const group = new Set<number>();
  for (let power = 1; !group.has(power); power = (power * base) % prime) group.add(power);
  return group;
}

function hasInfineonFingerprint(modulus: bigint): boolean {
  return infineonGroups.every(({ prime, group }) => group.has(Number(modulus % prime)));
}

function splitsByFermat(modulus: bigint): boolean {
  let a = squareRoot(modulus);
  if (a * a < modulus) a += 1n;
  for (let round = 0; round < fermatRounds; round += 1, a += 1n) {
    const rest = a * a - modulus;
    // Squares end in 0, 1, 4 or 9 modulo 16: three of four candidates need no root.
    const low = Number(rest & 15n);
    if (low !== 0 && low !== 1 && low !== 4 && low !== 9) continue;
    const b = squareRoot(rest);
    if (b * b === rest) return true;
  }
  return false;
}

/** Floor of the square root, by Newton's method from above. */
function squareRoot(n: bigint): bigint {
  if (n < 2n) return n;
  let x = 1n << BigInt((n.toString(16).length * 4) / 2 + 1);
  for (;;) {
    const next = (x + n / x) >> 1n;
    if (next >= x) return x;
    x = next;
  }
}
