import { describe, expect, test } from '@jest/globals';
import {
  decodeAttributes,
  decodeReport,
  readCompressedAttributes,
  readReportRequest,
} from '#proto/attributes/index.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import { largeMessages } from '#test/fakes/large-messages.ts';

// What a message may cost is held by counting, not by the clock: test/bench/attributes.bench.ts has the times.
describe('a message of 1 MiB', () => {
  test.each(largeMessages(1024 * 1024))(
    '$name: makes few errors, and at most one value an entry',
    ({ kind, bytes }) => {
      let errors = 0;
      let values = 0;
      const faults = new Set<GarrisonError>();
      try {
        if (kind === 'attributes') values = [...decodeAttributes(readCompressedAttributes(bytes)).entries()].length;
        else {
          const report = decodeReport(readReportRequest(bytes));
          for (const { error } of report.faults) faults.add(error);
          for (const { bag, unknown } of report.elements) values += [...bag.entries()].length + unknown.length;
        }
      } catch {
        errors++;
      }
      expect(bytes.length).toBeLessThanOrEqual(1024 * 1024);
      // Each entry is at least two bytes; what a delta batch inherits has its own bound of 200,000.
      expect(errors + values).toBeLessThanOrEqual(bytes.length / 2 + 200_000);
      expect(faults.size).toBeLessThanOrEqual(101);
    },
  );
});
