import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { GarrisonError } from '#proto/errors/index.ts';
import { readForwardedCertificates } from '#services/ca/callers/forwarded-certificate.ts';

const keys = ['By', 'Hash', 'Cert', 'Chain', 'Subject', 'URI', 'DNS'] as const;
const printable = fc.string({ unit: fc.integer({ min: 0x20, max: 0x7e }).map((code) => String.fromCharCode(code)) });
const pair = fc.tuple(fc.constantFrom(...keys), printable);
const elements = fc.array(fc.array(pair, { minLength: 1, maxLength: 5 }), { minLength: 1, maxLength: 4 });

/** As Envoy writes it: in quotation marks where the value holds what separates. */
function written(all: readonly (readonly (readonly [string, string])[])[]): string {
  return all.map((element) => element.map(([key, value]) => `${key}=${quoted(value)}`).join(';')).join(',');
}

function quoted(value: string): string {
  return /[\s,;="\\]/.test(value) || value === '' ? `"${value.replaceAll(/["\\]/g, '\\$&')}"` : value;
}

test('what Envoy writes is read as it was meant, whatever the values hold', () => {
  fc.assert(
    fc.property(elements, (all) => {
      const read = readForwardedCertificates(written(all)).map((one) => Object.fromEntries(one));
      const meant = all.map((element) => {
        const pairs: Record<string, string[]> = {};
        for (const [key, value] of element) (pairs[key.toLowerCase()] ??= []).push(value);
        return pairs;
      });
      expect(read).toEqual(meant);
    }),
  );
});

test('everything else is a refusal and no other error', () => {
  const near = fc.tuple(elements, fc.nat(), fc.string({ maxLength: 3 })).map(([all, at, more]) => {
    const text = written(all);
    const where = at % (text.length + 1);
    return text.slice(0, where) + more + text.slice(where + 1);
  });
  fc.assert(
    fc.property(fc.oneof(fc.string(), near), (text) => {
      try {
        return readForwardedCertificates(text).length > 0;
      } catch (error) {
        return error instanceof GarrisonError && error.code === 'UNAUTHENTICATED';
      }
    }),
  );
});
