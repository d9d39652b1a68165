import fc from 'fast-check';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { words } from './policy-arbitraries.ts';

/** Requests of the world of policy-arbitraries.ts, with every oddity that a published bypass was made of. */

const address = fc.constantFrom<readonly number[]>(
  [10, 0, 0, 1],
  [10, 1, 9, 9],
  [192, 0, 2, 7],
  [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 10, 0, 0, 1],
  [0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
  [0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9],
);

const path = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(...words.paths) },
  {
    weight: 4,
    arbitrary: fc
      .array(
        fc.constantFrom(
          '/',
          '/',
          'admin',
          'x',
          '..',
          '.',
          '%2e',
          '%2E%2e',
          '%2f',
          '%2F',
          '%5c',
          '\\',
          '%61',
          '%00',
          '%',
          '%zz',
          '*',
          '|',
          'é',
          '%%36',
          '1',
          ';',
        ),
        { maxLength: 8 },
      )
      .map((parts) => `/${parts.join('')}`),
  },
  { weight: 1, arbitrary: fc.constantFrom('', '*', 'admin', 'cart:80', '/a b', '/a\rb', '/admin\0', '/\x7f') },
);
const tail = fc.constantFrom('', '', '', '?', '?x=1', '#s', '?a#b', '?a=/admin', '#/../x');
const host = fc
  .tuple(fc.constantFrom(...words.hosts), fc.constantFrom('', '', '', ':80', ':443', ':', '.', '.:80'))
  .map((parts) => parts.join(''));

const header = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(
      fc.constantFrom('x-role', 'x-role', 'x_role', 'X-Role', 'other', 'a-b-c', 'a_b_c', 'a_b-c', 'x-b', 'X-c', 'x_d'),
      fc.constantFrom(...words.values, ' admin', 'user\t'),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(
      fc.constant('x-forwarded-for'),
      fc.constantFrom(
        '10.0.0.1',
        '192.0.2.7, 10.0.0.1',
        '10.0.0.1:99',
        '[2001:db8::9]:1',
        '[2001:db8::9]',
        'fe80::1%eth0',
        '::ffff:10.0.0.1',
        'junk',
        '',
        '010.0.0.1',
        '10.0.0.1, ',
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<[string, string]>(
      ['host', 'cart.shop.svc'],
      ['bad name', 'x'],
      ['x-role', 'a\0b'],
      ['x', 'a\r\nb'],
    ),
  },
);

const claims = fc.record(
  {
    iss: fc.constantFrom(...words.issuers),
    sub: fc.constantFrom(...words.subjects),
    aud: fc.oneof(fc.constantFrom(...words.values), fc.array(fc.constantFrom(...words.values), { maxLength: 2 })),
    azp: fc.constantFrom(...words.values),
    scope: fc.constantFrom('user admin', 'a', '', 'ab  abc'),
    groups: fc.oneof(
      fc.array(fc.constantFrom<unknown>(...words.values, 1, true, null), { maxLength: 3 }),
      fc.constantFrom<unknown>(true, 7, { a: 1 }, 'admin'),
    ),
    deep: fc.constantFrom<unknown>({ role: 'admin' }, { role: ['user', 'a'] }, { role: { x: 1 } }, ['admin'], 'admin'),
  },
  { requiredKeys: [] },
);

export const request: fc.Arbitrary<RequestText> = fc.record(
  {
    protocol: fc.constantFrom<NonNullable<RequestText['protocol']>>('http', 'http', 'http', 'grpc', 'tcp'),
    principal: fc.constantFrom(...words.principals),
    ip: address,
    remoteIp: address,
    proxiedIp: fc.oneof({ weight: 3, arbitrary: address }, fc.constant([0, 0, 0, 0])),
    destinationIp: address,
    port: fc.constantFrom(8080, 80, 443),
    sni: fc.oneof({ weight: 8, arbitrary: host }, { weight: 1, arbitrary: fc.constant('a\nb') }),
    method: fc.oneof(
      { weight: 12, arbitrary: fc.constantFrom(...words.methods) },
      { weight: 1, arbitrary: fc.constantFrom('G T', '') },
    ),
    host: fc.oneof({ weight: 15, arbitrary: host }, { weight: 1, arbitrary: fc.constant('a b') }),
    path: fc.tuple(path, tail).map((parts) => parts.join('')),
    headers: fc.array(header, { maxLength: 4 }),
    namespace: fc.constantFrom('shop', 'shop', 'shop', 'istio-system', 'other'),
    labels: fc.constantFrom(
      { app: 'cart' },
      { app: 'cart', version: 'v1' },
      { app: 'x' },
      { 'gateway.networking.k8s.io/gateway-name': 'gw' },
    ),
    gateway: fc.boolean(),
    workload: fc.constantFrom('gw', 'other-gw', 'cart'),
    claims,
    metadata: fc.constantFrom<NonNullable<RequestText['metadata']>>(
      [{ filter: 'envoy.filters.x', key: 'key', value: 'admin' }],
      [{ filter: 'envoy.filters.x', key: 'key', value: ['admin', 'a'] }],
    ),
  },
  { requiredKeys: ['method', 'path', 'headers'] },
);
