import { MapBag, Timestamp } from '#proto/attributes/index.ts';

/** What a sidecar asks about: 26 attributes, one map of eight headers. */
export const checkBag = new MapBag([
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
