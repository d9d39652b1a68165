// node test/bench/attributes.bench.ts [--baseline FILE]
import {
  MapBag,
  Timestamp,
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
import { measure, publish } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';
import { largeMessages } from '#test/fakes/large-messages.ts';

/** What a sidecar asks about: 26 attributes, one map of eight headers. */
const bag = new MapBag([
  ['context.protocol', 'http'],
  ['context.reporter.kind', 'inbound'],
  ['context.reporter.uid', 'garrison://default/reviews-v1'],
  ['connection.mtls', true],
  ['connection.requested_server_name', 'reviews.default.svc.cluster.local'],
  ['source.ip', Buffer.from([10, 0, 0, 7])],
  ['source.port', 43_210n],
  ['source.principal', 'cluster.local/ns/default/sa/bookinfo-productpage'],
  ['source.namespace', 'default'],
  ['source.uid', 'garrison://default/productpage-v1'],
  ['destination.ip', Buffer.from([10, 0, 0, 9])],
  ['destination.port', 9_080n],
  ['destination.principal', 'cluster.local/ns/default/sa/bookinfo-reviews'],
  ['destination.namespace', 'default'],
  ['destination.uid', 'garrison://default/reviews-v1'],
  ['destination.workload.name', 'reviews-v1'],
  ['destination.workload.namespace', 'default'],
  [
    'destination.labels',
    new Map([
      ['app', 'reviews'],
      ['version', 'v1'],
    ]),
  ],
  ['request.method', 'GET'],
  ['request.path', '/reviews/0'],
  ['request.host', 'reviews:9080'],
  ['request.scheme', 'http'],
  ['request.time', new Timestamp(1_790_000_000n, 5)],
  ['request.id', '6f1c1b1e-4c0f-4d7e-9a39-5b8f0b6d9c11'],
  ['request.useragent', 'Mozilla/5.0 (X11; Linux x86_64)'],
  [
    'request.headers',
    new Map([
      ['accept', '*/*'],
      ['accept-encoding', 'gzip, deflate'],
      ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
      ['x-request-id', '6f1c1b1e-4c0f-4d7e-9a39-5b8f0b6d9c11'],
      ['x-b3-traceid', '463ac35c9f6413ad48485a3953bb6124'],
      ['x-b3-spanid', 'a2fb4a1d1a96d312'],
      ['host', 'reviews:9080'],
      ['connection', 'keep-alive'],
    ]),
  ],
]);

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
