// node test/bench/attributes.bench.ts [--baseline FILE]
import type { MapBag } from '#proto/attributes/index.ts';
import {
  decodeAttributes,
  decodeReport,
  encodeAttributes,
  encodeReport,
  readCheckRequest,
  readCompressedAttributes,
  readReportRequest,
  vocabulary,
} from '#proto/attributes/index.ts';
import { CheckRequest, ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { checkBag as bag } from '#test/bench/corpus.ts';
import { measure, publish } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';
import { largeMessages } from '#test/fakes/large-messages.ts';

const check = Buffer.from(
  CheckRequest.encode({
    attributes: encodeAttributes(bag),
    globalWordCount: 222,
    deduplicationId: 'd-1',
    quotas: new Map(),
  }).finish(),
);
const batch = Array.from({ length: 100 }, () => bag);
const reports = {
  independent: Buffer.from(ReportRequest.encode(encodeReport(batch)).finish()),
  delta: Buffer.from(ReportRequest.encode(encodeReport(batch, { semantics: 'delta' })).finish()),
};
const attributesOf = (bytes: Buffer): MapBag => {
  const { attributes } = readCheckRequest(bytes);
  if (attributes === undefined) throw new Error('the corpus has attributes');
  return decodeAttributes(attributes, { types: vocabulary });
};

const results: Measurement[] = [
  measure('CheckRequest: strict read', () => readCheckRequest(check)),
  measure('CheckRequest: generated read', () => CheckRequest.decode(check)),
  measure('CheckRequest: bytes to bag', () => attributesOf(check)),
  measure('CheckRequest: bag to bytes', () =>
    CheckRequest.encode({
      attributes: encodeAttributes(bag),
      globalWordCount: 222,
      deduplicationId: 'd-1',
      quotas: new Map(),
    }).finish(),
  ),
  ...(['independent', 'delta'] as const).map((kind) =>
    measure(`ReportRequest of 100, ${kind}: bytes to bags`, () => decodeReport(readReportRequest(reports[kind])), {
      batch: 5,
    }),
  ),
  measure(
    'ReportRequest of 100, independent: bags to bytes',
    () => ReportRequest.encode(encodeReport(batch)).finish(),
    {
      batch: 5,
    },
  ),
  ...largeMessages(1024 * 1024).map(({ name, kind, bytes }) =>
    measure(`1 MiB: ${name}`, () => tryRead(kind, bytes), { batch: 1, warmUpMs: 100, measureMs: 300 }),
  ),
];
publish('attributes', results, { bytes: { check: check.length, report: reports.independent.length } });

function tryRead(kind: 'attributes' | 'report', bytes: Buffer): unknown {
  try {
    return kind === 'attributes'
      ? decodeAttributes(readCompressedAttributes(bytes))
      : decodeReport(readReportRequest(bytes));
  } catch (error) {
    return error;
  }
}
