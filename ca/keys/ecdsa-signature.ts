import { GarrisonError } from '#proto/errors/index.ts';
import { DerReader } from '../der/read.ts';
import { tags } from '../der/tags.ts';
import { sequence, unsignedInteger } from '../der/write.ts';

/** r and s side by side, as tokens and JWS have them, in the form of certificates (RFC 3279 §2.2.3). */
export function ecdsaToDer(raw: Uint8Array): Uint8Array {
  if (raw.length === 0 || raw.length % 2 !== 0) {
    throw new GarrisonError('INTERNAL', `an ECDSA signature of ${raw.length} bytes is none`);
  }
  const half = raw.length / 2;
  return sequence(unsignedInteger(raw.subarray(0, half)), unsignedInteger(raw.subarray(half)));
}

/** The other way round: each number in as many bytes as the curve's order has (RFC 7518 §3.4). */
export function ecdsaFromDer(der: Uint8Array, bytesOfEach: number): Uint8Array {
  const outer = new DerReader(der, 'ECDSA signature');
  const pair = outer.enter(tags.sequence, 'signature');
  outer.end();
  const raw = Buffer.alloc(2 * bytesOfEach);
  for (const [name, end] of [
    ['r', bytesOfEach],
    ['s', 2 * bytesOfEach],
  ] as const) {
    const number = pair.unsignedInteger(name);
    if (number.length > bytesOfEach) throw pair.fault(`has a number that is too large in \`${name}\``);
    raw.set(number, end - number.length);
  }
  pair.end();
  return raw;
}
