import { Duration, MapBag, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';

/** One allowed request of Bookinfo as the sidecar of reviews reports it. */
export const allowedRequest: Readonly<Record<string, AttributeValue>> = {
  'context.protocol': 'http',
  'context.reporter.kind': 'inbound',
  'connection.mtls': true,
  'source.ip': Uint8Array.of(127, 0, 0, 1),
  'source.principal': 'cluster.local/ns/default/sa/bookinfo-productpage',
  'source.workload.name': 'productpage-v1',
  'destination.principal': 'cluster.local/ns/default/sa/bookinfo-reviews',
  'destination.namespace': 'default',
  'destination.workload.name': 'reviews-v2',
  'destination.labels': new Map([
    ['app', 'reviews'],
    ['version', 'v2'],
  ]),
  'destination.service.host': 'reviews.default.svc.cluster.local',
  'destination.port': 9080n,
  'request.method': 'GET',
  'request.path': '/reviews/0',
  'request.host': 'reviews:9080',
  'request.headers': new Map([['x-request-id', 'r-1']]),
  'request.time': new Timestamp(1_767_225_600n, 0),
  'response.code': 200n,
  'response.duration': Duration.fromMs(12.5),
  'garrison.decision.id': 'd-1',
  'garrison.decision.effect': 'allow',
  'garrison.decision.policy': 'default/reviews-viewer',
  'garrison.decision.rule': 0n,
  'garrison.decision.revision': 7n,
  'garrison.decision.reason': 'rule 0 of default/reviews-viewer allows it',
};

/** That request with some attributes changed; `undefined` takes one out. */
export function reportBag(changes: Readonly<Record<string, AttributeValue | undefined>> = {}): MapBag {
  const values = new Map<string, AttributeValue>();
  for (const [name, value] of Object.entries({ ...allowedRequest, ...changes })) {
    if (value !== undefined) values.set(name, value);
  }
  return new MapBag(values);
}
