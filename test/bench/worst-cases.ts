import { MapBag } from '#proto/attributes/index.ts';
import { compile, decide, gatherEvidence, inlineKeysOnly } from '#policies/index.ts';
import { readYaml } from '#schema/index.ts';
import { jwtRule, policy, policySet, requestAuthentication } from '#test/fakes/policy-documents.ts';
import type { RuleText } from '#test/fakes/policy-documents.ts';

/** An input that a hostile client or a careless author would choose, of any size. */
export interface WorstCase {
  readonly name: string;
  /** What the size counts. */
  readonly unit: string;
  /** The largest size; it is measured at an eighth, a quarter, a half and the whole. */
  readonly largest: number;
  make(size: number): () => unknown;
}

export const worstCases: readonly WorstCase[] = [
  onPath('path of dot segments and slashes', (size) => `/${'a/../'.repeat(size / 5)}`),
  onPath('path of escapes', (size) => `/${'%2e%2f'.repeat(size / 6)}x`),
  onPath('path of escaped escapes', (size) => `/${'%2525'.repeat(size / 5)}x`),
  onPath('path of one segment that nearly ends as asked', (size) => `/${'secre'.repeat(size / 5)}`),
  {
    name: 'path against a template of 16 stars built to go back',
    unit: 'characters',
    largest: 100_000,
    make: (size) => ask([{ to: [{ paths: [`/${'{*}/'.repeat(16)}x`] }] }], { path: `/${'a/'.repeat(size / 2)}` }),
  },
  {
    name: 'namespace against globs of 16 stars built to go back',
    unit: 'characters',
    largest: 100_000,
    make: (size) =>
      ask([{ from: [{ namespaces: [`${'*a'.repeat(16)}*b`] }] }], { principal: `td/ns/${'a'.repeat(size)}/sa/x` }),
  },
  {
    name: 'header value that is asked for its beginning and its end',
    unit: 'characters',
    largest: 100_000,
    make: (size) =>
      ask([{ when: [{ key: 'request.headers[x]', values: [`${'a'.repeat(64)}*`, `*${'a'.repeat(64)}b`] }] }], {
        headers: [['x', 'a'.repeat(size)]],
      }),
  },
  {
    name: 'headers, and rules on 200 of their names',
    unit: 'headers',
    largest: 1_000,
    make: (size) =>
      ask(
        Array.from({ length: 200 }, (_, i) => ({
          when: [{ key: `request.headers[x-h-${i * 7}]`, values: ['other'] }],
        })),
        { headers: Array.from({ length: size }, (_, i): [string, string] => [`x-h-${i}`, `value-${i}`]) },
      ),
  },
  {
    name: 'headers with odd names, and rules on 200 names',
    unit: 'headers',
    largest: 1_000,
    make: (size) =>
      ask(
        Array.from({ length: 200 }, (_, i) => ({
          when: [{ key: `request.headers[x_h_${i * 7}]`, values: ['other'] }],
        })),
        { headers: Array.from({ length: size }, (_, i): [string, string] => [`X_h-${i}`, `value-${i}`]) },
      ),
  },
  {
    name: 'value list, looked up',
    unit: 'values',
    largest: 100_000,
    make: (size) => ask([{ to: [{ paths: Array.from({ length: size }, (_, i) => `/v/${i}*`) }] }], { path: '/v' }),
  },
  {
    name: 'rules that only exclude, and exclude the caller',
    unit: 'rules',
    largest: 16_000,
    make: (size) =>
      ask(
        Array.from({ length: size }, (_, i) => ({ from: [{ notPrincipals: ['td/ns/a/sa/b', `td/ns/a/sa/${i}`] }] })),
        { principal: 'td/ns/a/sa/b' },
      ),
  },
  ...tokenCases(),
  ...documentCases(),
];

interface Asked {
  readonly path?: string;
  readonly principal?: string;
  readonly headers?: readonly (readonly [string, string])[];
}

function onPath(name: string, path: (size: number) => string): WorstCase {
  const rules: RuleText[] = [{ to: [{ paths: ['/admin*', '*/secret', '/a/{**}/b'] }] }];
  return { name, unit: 'characters', largest: 100_000, make: (size) => ask(rules, { path: path(size) }) };
}

function ask(
  rules: readonly RuleText[],
  { path = '/', principal = 'td/ns/x/sa/y', headers = [] }: Asked,
): () => unknown {
  const program = compile(policySet([policy('worst', 'DENY', rules)]), 1);
  const bag = bagOf(path, principal, headers);
  return () => decide(program, bag).effect;
}

function bagOf(path: string, principal: string, headers: readonly (readonly [string, string])[]): MapBag {
  return new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['source.principal', principal],
    ['request.method', 'GET'],
    ['request.host', 'cart'],
    ['request.path', path],
    ['request.headers', new Map(headers)],
  ]);
}

/** Tokens that nobody has signed: what a stranger can make us do is to read them. */
function tokenCases(): WorstCase[] {
  const encode = (text: string): string => Buffer.from(text).toString('base64url');
  const header = encode('{"alg":"ES256","kid":"k"}');
  const program = compile(
    policySet([requestAuthentication('jwt', [jwtRule({ issuer: 'a', jwks: '{"keys":[]}' })])]),
    1,
  );
  const ports = { keys: inlineKeysOnly, nowMs: 0, ask: () => Promise.reject(new Error('no provider')) };
  const verify = (payload: (size: number) => string) => (size: number) => {
    const token = `${header}.${encode(payload(size))}.${encode('x'.repeat(64))}`;
    const bag = bagOf('/', 'td/ns/x/sa/y', [['authorization', `Bearer ${token}`]]);
    return async () => decide(program, bag, await gatherEvidence(program, bag, ports)).effect;
  };
  const make = (name: string, payload: (size: number) => string, largest = 11_000): WorstCase => ({
    name,
    unit: 'characters of claims',
    largest,
    make: verify(payload),
  });
  return [
    make('token longer than any is read', (size) => `{"iss":"a","x":"${'x'.repeat(size)}"}`, 512 * 1024),
    make('token with one long claim', (size) => `{"iss":"a","x":"${'x'.repeat(size)}"}`),
    make(
      'token with many claims',
      (size) => `{"iss":"a"${many(size / 10, (i) => `,"${String(i).padStart(6, '0')}":1`)}}`,
    ),
    make('token of opening brackets', (size) => `{"iss":"a","x":${'['.repeat(size)}`),
    make('token of escapes', (size) => `{"iss":"a","${'\\u0061'.repeat(size / 6)}":1}`),
  ];
}

/** Texts that cost a reader more than they weigh. */
function documentCases(): WorstCase[] {
  const make = (name: string, largest: number, text: (size: number) => string): WorstCase => ({
    name,
    unit: 'characters of YAML',
    largest,
    make: (size) => {
      const made = text(size);
      return () => readYaml(made, 'a.yaml').faults.length;
    },
  });
  return [
    make('YAML: duplicate keys', 1_000_000, (size) => 'a: 1\n'.repeat(size / 5)),
    make('YAML: brackets that never close', 1_000_000, (size) => '['.repeat(size)),
    make('YAML: aliases', 800_000, (size) => `a: &a x\nb: [${'*a,'.repeat(size / 3)}]\n`),
    make('YAML: a list of values', 1_000_000, (size) => `a:\n${'  - "x"\n'.repeat(size / 8)}`),
    make('YAML: documents', 1_000_000, (size) => '---\na: 1\n'.repeat(size / 9)),
  ];
}

function many(count: number, make: (i: number) => string): string {
  return Array.from({ length: Math.floor(count) }, (_, i) => make(i)).join('');
}
