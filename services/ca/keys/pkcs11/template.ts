import koffi from 'koffi';

export type Template = readonly (readonly [type: number, value: boolean | number | Uint8Array])[];

const attributeBytes = 24;

/** CK_ATTRIBUTE[]: type, pointer, length. What it points to lives as long as what comes back is held. */
export interface EncodedTemplate {
  readonly bytes: Buffer;
  readonly count: number;
  readonly values: readonly Buffer[];
}

export function encodeTemplate(template: Template): EncodedTemplate {
  const values = template.map(([, value]) => encodeValue(value));
  const bytes = Buffer.alloc(attributeBytes * template.length);
  template.forEach(([type], index) => writeAttribute(bytes, index, type, values[index]));
  return { bytes, count: template.length, values };
}

/** Room for the values of these attributes; `lengths` reads how long the library says each is. */
export function encodeQuery(types: readonly number[], sizes: readonly number[]): EncodedTemplate {
  const values = sizes.map((size) => Buffer.alloc(size));
  const bytes = Buffer.alloc(attributeBytes * types.length);
  types.forEach((type, index) => {
    writeAttribute(bytes, index, type, values[index]);
  });
  return { bytes, count: types.length, values };
}

export function lengthsOf({ bytes, count }: EncodedTemplate): number[] {
  return Array.from({ length: count }, (_, index) => Number(bytes.readBigUInt64LE(index * attributeBytes + 16)));
}

function writeAttribute(bytes: Buffer, index: number, type: number, value: Buffer | undefined): void {
  const at = index * attributeBytes;
  const length = value?.length ?? 0;
  bytes.writeBigUInt64LE(BigInt(type), at);
  bytes.writeBigUInt64LE(value === undefined || length === 0 ? 0n : koffi.address(value), at + 8);
  bytes.writeBigUInt64LE(BigInt(length), at + 16);
}

function encodeValue(value: boolean | number | Uint8Array): Buffer {
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  return typeof value === 'number' ? unsignedLong(value) : Buffer.from(value);
}

/** CK_ULONG, on the machines that this runs on. */
export function unsignedLong(value: number | bigint = 0): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(value));
  return bytes;
}

/** CK_MECHANISM without a parameter. */
export function mechanism(type: number): Buffer {
  const bytes = Buffer.alloc(attributeBytes);
  bytes.writeBigUInt64LE(BigInt(type));
  return bytes;
}
