import type { X509Certificate } from 'node:crypto';

declare const serialBrand: unique symbol;

/** A serial number as 40 lower-case hexadecimal digits. */
export type SerialHex = string & { readonly [serialBrand]: true };

export const serialBytes = 20;
const randomBytes = 14;

/**
 * [instance, 1 byte][milliseconds since 1970, 5 bytes][random, 14 bytes].
 * Positive and below 2^159 (RFC 5280 §4.1.2.2) because the instance is 1 to 127; unpredictable by 112 random bits
 * (CA/Browser Forum BR 7.1 asks for 64); two processes never collide while their instances differ.
 * The time in front makes serials grow, so that an index over ten million of them is appended to, not scattered.
 */
export function newSerial(instance: number, now: Date, random: (bytes: number) => Uint8Array): SerialHex {
  if (!Number.isInteger(instance) || instance < 1 || instance > 127) {
    throw new RangeError(`instance ${instance} is not between 1 and 127`);
  }
  const tail = random(randomBytes);
  if (tail.length !== randomBytes) throw new RangeError(`asked for ${randomBytes} random bytes, got ${tail.length}`);
  const serial = Buffer.alloc(serialBytes);
  serial[0] = instance;
  // 40 bits of milliseconds wrap after 34 years; order over a wrap matters to nobody.
  serial.writeUIntBE(now.getTime() % 2 ** 40, 1, 5);
  serial.set(tail, 1 + 5);
  return serial.toString('hex') as SerialHex;
}

/** A serial as other tools print it: any case, colons allowed, leading zeros left out or not. */
export function parseSerial(text: string): SerialHex | undefined {
  const hex = text.replace(/:/g, '').toLowerCase();
  return /^[0-9a-f]{1,40}$/.test(hex) ? (hex.padStart(2 * serialBytes, '0') as SerialHex) : undefined;
}

/** The serial of a certificate that Node has read, which leaves leading zeros out. */
export function serialOf({ serialNumber }: Pick<X509Certificate, 'serialNumber'>): string {
  return serialNumber.toLowerCase().padStart(2 * serialBytes, '0');
}

export function serialToBytes(serial: SerialHex): Uint8Array {
  return Buffer.from(serial, 'hex');
}
