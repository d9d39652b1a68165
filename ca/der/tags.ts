/** ASN.1 identifier octets of the types met in certificates and requests (X.690 §8.1.2). */
export const tags = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  utf8String: 0x0c,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** `[n]` around or instead of a structured type. */
export function contextTag(number: number): number {
  return 0xa0 | number;
}

/** `[n]` instead of a primitive type. */
export function primitiveContextTag(number: number): number {
  return 0x80 | number;
}
