import { readFileSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import {
  Duration,
  Timestamp,
  decodeAttributes,
  decodeReport,
  readCompressedAttributes,
  readReportRequest,
  vocabulary,
} from '#proto/attributes/index.ts';
import type { AttributeBag, AttributeValue } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';

type Written = Record<string, unknown>;
type WrittenBag = Record<string, Written>;
interface MessageVector {
  name: string;
  hex: string;
  bag?: WrittenBag;
  code?: string;
  place?: string;
  reason?: string;
  types?: 'vocabulary';
}
interface ReportVector {
  name: string;
  hex: string;
  elements: { index: number; bag: WrittenBag; unknown: string[] }[];
  faults: { index: number; code: string; place: string }[];
}

function load<T>(file: string): T[] {
  const url = new URL(`../../../proto/vectors/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { vectors: T[] }).vectors;
}

/** A value as the vector files write it, the other way round: so that what is compared is plain data. */
function write(value: AttributeValue): Written {
  if (typeof value === 'string') return { string: value };
  if (typeof value === 'bigint') return { int64: String(value) };
  if (typeof value === 'number') return { double: value };
  if (typeof value === 'boolean') return { bool: value };
  if (value instanceof Timestamp) return { timestamp: { seconds: String(value.seconds), nanos: value.nanos } };
  if (value instanceof Duration) return { duration: { seconds: String(value.seconds), nanos: value.nanos } };
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') };
  return { stringMap: [...value].sort() };
}

const written = (bag: AttributeBag): unknown => [...bag.entries()].map(([name, value]) => [name, write(value)]).sort();
const expected = (bag: WrittenBag): unknown =>
  Object.entries(bag)
    .map(([name, value]) => {
      const map = value['stringMap'] as object | undefined;
      return [name, map === undefined ? value : { stringMap: Object.entries(map).sort() }];
    })
    .sort();

function fault(run: () => unknown): GarrisonError {
  try {
    run();
  } catch (error) {
    if (error instanceof GarrisonError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

describe('compressed attributes', () => {
  test.each(load<MessageVector>('compressed-attributes.json'))('$name', (vector) => {
    const run = (): AttributeBag =>
      decodeAttributes(
        readCompressedAttributes(Buffer.from(vector.hex, 'hex')),
        vector.types === undefined ? {} : { types: vocabulary },
      );
    if (vector.bag !== undefined) {
      expect(written(run())).toEqual(expected(vector.bag));
      return;
    }
    const error = fault(run);
    expect(error.code).toBe(vector.code);
    expect(error.place).toBe(vector.place);
    expect(error.message).toContain(vector.reason);
  });
});

describe('reports', () => {
  test.each(load<ReportVector>('report-request.json'))('$name', (vector) => {
    const { elements, faults } = decodeReport(readReportRequest(Buffer.from(vector.hex, 'hex')));
    expect(elements.map(({ index, bag, unknown }) => ({ index, bag: written(bag), unknown }))).toEqual(
      vector.elements.map(({ index, bag, unknown }) => ({ index, bag: expected(bag), unknown })),
    );
    expect(faults.map(({ index, error }) => ({ index, code: error.code, place: error.place }))).toEqual(vector.faults);
  });
});
