import { expect, test } from '@jest/globals';
import { asGarrisonError } from '#proto/errors/index.ts';
import { findSlot } from '#services/ca/keys/pkcs11/find-slot.ts';
import type { Module } from '#services/ca/keys/pkcs11/module.ts';

/** A library with one token in each slot, by its label; an uninitialised one has none. */
function library(...labels: readonly string[]): Module {
  return {
    call: (name, ...values) => {
      if (name === 'getSlotList') {
        const [, slots, count] = values as [number, Buffer | null, Buffer];
        labels.forEach((_, slot) => slots?.writeBigUInt64LE(BigInt(slot), 8 * slot));
        count.writeBigUInt64LE(BigInt(labels.length));
      } else {
        const [slot, info] = values as [bigint, Buffer];
        info.write((labels[Number(slot)] ?? '').padEnd(32), 'utf8');
      }
      return Promise.resolve();
    },
  };
}

const refusal = async (module: Module): Promise<string> =>
  findSlot(module, { label: 'mesh' }).then(String, (error: unknown) => asGarrisonError(error).describe());

test('what is there to choose has names only of tokens that have one', async () => {
  const said = await refusal(library('one', '', 'two', ''));
  expect(said).toContain('there are `one`, `two`');
  expect(said).not.toContain('``');
  expect(await refusal(library('', ''))).toContain('initialise it');
  expect(await refusal(library('', 'mesh'))).toBe('1');
});
