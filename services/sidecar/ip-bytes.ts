import { isIPv4, isIPv6 } from 'node:net';

/** An IP address as 4 or 16 bytes; undefined for what is none. A v4 address that a dual-stack socket reports as v6 is v4. */
export function ipBytes(text: string): Uint8Array | undefined {
  const plain = text.replace(/%.*$/, '').replace(/^::ffff:(?=[0-9]+\.)/i, '');
  if (isIPv4(plain)) return Uint8Array.from(plain.split('.'), Number);
  return isIPv6(plain) ? ipv6Bytes(plain) : undefined;
}

function ipv6Bytes(text: string): Uint8Array {
  const [left = '', right] = text.split('::');
  const head = groups(left);
  const tail = right === undefined ? [] : groups(right);
  const bytes = new Uint8Array(16);
  bytes.set(head, 0);
  bytes.set(tail, 16 - tail.length);
  return bytes;
}

function groups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (group.includes('.')) return group.split('.').map(Number);
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
