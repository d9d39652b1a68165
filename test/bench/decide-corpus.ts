import { decodeAttributes, encodeAttributes, MapBag, vocabulary } from '#proto/attributes/index.ts';
import { readCompressedAttributes } from '#proto/attributes/read-compressed.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { CompressedAttributes } from '#proto/gen/istio/mixer/v1/attributes.ts';
import type { AuthorizationPolicy } from '#policies/documents/model.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
import type { RuleText } from '#test/fakes/policy-documents.ts';

/** Fixed corpora: the same documents and requests in every run and on every machine. */

/** mulberry32: a fixed sequence for a seed. */
export function sequence(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) % below;
  };
}

export const shapes = ['mixed', 'principals', 'paths', 'grid'] as const;
export type Shape = (typeof shapes)[number];

const methods = ['GET', 'PUT', 'POST', 'DELETE'];

/** Policies of one rule each, all in force for one workload: four of five ALLOW, the rest DENY. */
export function corpus(shape: Shape, rules: number): PolicySet {
  const next = sequence(7);
  const documents: AuthorizationPolicy[] = [];
  for (let i = 0; i < rules; i++) {
    const action = i % 5 === 4 ? 'DENY' : 'ALLOW';
    documents.push(policy(`p-${String(i).padStart(6, '0')}`, action, [ruleOf(shape, i, rules, next)]));
  }
  return policySet(documents);
}

function ruleOf(shape: Shape, i: number, rules: number, next: (below: number) => number): RuleText {
  const side = Math.ceil(Math.sqrt(rules));
  switch (shape) {
    case 'principals':
      return { from: [{ principals: [principal(i)] }], to: [{ methods: ['GET'], paths: ['/api/*'] }] };
    case 'paths':
      return { from: [{ namespaces: ['shop'] }], to: [{ methods: ['GET'], paths: [`/api/${i}/*`] }] };
    case 'grid':
      return { from: [{ principals: [principal(i % side)] }], to: [{ paths: [`/api/${Math.floor(i / side)}/*`] }] };
    case 'mixed':
      return {
        from: [
          next(3) === 0
            ? { namespaces: [`team-${next(rules)}`] }
            : { principals: [principal(i), principal(next(rules))] },
        ],
        to: [
          { methods: [methods[next(4)] ?? 'GET'], paths: [[`/api/${i}`, `/api/${i}/*`, `*/item-${i}`][next(3)] ?? ''] },
        ],
        when: next(5) === 0 ? [{ key: 'request.headers[x-tenant]', values: [`t-${next(50)}`] }] : [],
      };
    default:
      return shape satisfies never;
  }
}

function principal(i: number): string {
  return `cluster.local/ns/team-${i}/sa/client-${i}`;
}

/** Bags as the decoder makes them: 26 attributes, eight headers. Half of them meet some rule's path or caller. */
export function requests(rules: number, count = 512): MapBag[] {
  const next = sequence(11);
  return Array.from({ length: count }, () => {
    const i = next(rules);
    const caller = next(2) === 0 ? i : next(rules * 2);
    const path = [`/api/${i}`, `/api/${i}/details?x=1`, `/store/item-${i}`, `/other/${i}`][next(4)] ?? '/';
    return requestOf(principal(caller), methods[next(4)] ?? 'GET', path, `t-${next(50)}`);
  });
}

function requestOf(caller: string, method: string, path: string, tenant: string): MapBag {
  const values: [string, AttributeValue][] = [
    ['context.protocol', 'http'],
    ['context.reporter.kind', 'inbound'],
    ['context.reporter.uid', 'garrison://shop/cart-v1'],
    ['connection.mtls', true],
    ['connection.requested_server_name', 'cart.shop.svc.cluster.local'],
    ['source.ip', Uint8Array.from([10, 0, 0, 7])],
    ['source.port', 43_210n],
    ['source.principal', caller],
    ['source.namespace', 'team'],
    ['source.uid', 'garrison://team/client'],
    ['destination.ip', Uint8Array.from([10, 0, 0, 9])],
    ['destination.port', 8080n],
    ['destination.principal', 'cluster.local/ns/shop/sa/cart'],
    ['destination.namespace', 'shop'],
    ['destination.uid', 'garrison://shop/cart-v1'],
    ['destination.workload.name', 'cart-v1'],
    ['destination.workload.namespace', 'shop'],
    ['destination.labels', new Map([['app', 'cart']])],
    ['request.method', method],
    ['request.path', path],
    ['request.host', 'cart:8080'],
    ['request.scheme', 'http'],
    ['request.id', '6f1c1b1e-4c0f-4d7e-9a39-5b8f0b6d9c11'],
    ['request.useragent', 'Mozilla/5.0 (X11; Linux x86_64)'],
    ['request.size', 0n],
    [
      'request.headers',
      new Map([
        ['accept', '*/*'],
        ['accept-encoding', 'gzip, deflate'],
        ['user-agent', 'Mozilla/5.0 (X11; Linux x86_64)'],
        ['x-request-id', '6f1c1b1e-4c0f-4d7e-9a39-5b8f0b6d9c11'],
        ['x-b3-traceid', '463ac35c9f6413ad48485a3953bb6124'],
        ['x-tenant', tenant],
        ['host', 'cart:8080'],
        ['connection', 'keep-alive'],
      ]),
    ],
  ];
  // Through bytes: texts that come from another process are no copies of those in the code.
  const bytes = CompressedAttributes.encode(encodeAttributes(new MapBag(values))).finish();
  return decodeAttributes(readCompressedAttributes(bytes), { types: vocabulary });
}
