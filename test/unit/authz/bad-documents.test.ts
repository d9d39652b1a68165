import { describe, expect, test } from '@jest/globals';
import { decide } from '#policies/index.ts';
import { MapBag } from '#proto/attributes/index.ts';
import { systemClock } from '#runtime/clock.ts';
import { inSlices } from '#runtime/in-slices.ts';
import { Revisions } from '#services/authz/revisions.ts';

/** Documents that are wrong, or right and very large: refused as a whole and in words, or in force as a whole. */

const head = (name: string, action = 'DENY'): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec:
  action: ${action}
`;
const closed = `${head('closed')}  rules: [ { to: [ { operation: { ports: ["80"], paths: [ /admin* ] } } ] } ]\n`;
const rule = (path: string): string => `    - to: [ { operation: { ports: ["80"], paths: [ ${path} ] } } ]\n`;
const many = (count: number, make: (i: number) => string): string =>
  Array.from({ length: count }, (_, i) => make(i)).join('');

const refused: readonly { readonly name: string; readonly text: () => string; readonly says: RegExp }[] = [
  {
    name: 'aliases that explode',
    text: () => `${head('x')}  a0: &a0 [x]\n${many(30, (i) => `  a${i + 1}: &a${i + 1} [${`*a${i}, `.repeat(9)}]\n`)}`,
    says: /aliases stand for more than 10000 values/,
  },
  {
    name: 'a duplicate key',
    text: () => `${head('x')}  rules: []\n  action: ALLOW\n`,
    says: /duplicate key `action`, first given in line 5/,
  },
  { name: 'a tab as indentation', text: () => `${head('x')}\trules: []\n`, says: /tabs? / },
  { name: 'a NUL', text: () => `${head('x')}  rules: [ "\0" ]\n`, says: /control character U\+0000/ },
  {
    name: '10 MB with a fault in the last line',
    text: () => `${many(55_000, (i) => `${head(`p-${i}`)}  rules:\n${rule(`/p/${i}`)}---\n`)}${head('x', 'DENI')}`,
    says: /`DENI`/,
  },
  {
    name: 'a document of 100,000 rules, which upstream does not take either',
    text: () => `${head('x')}  rules:\n${many(100_000, (i) => rule(`/p/${i}`))}`,
    says: /has 100000 elements, at most 512 are allowed/,
  },
  { name: 'rules nested 100,000 deep', text: () => `${head('x')}  rules: ${'['.repeat(100_000)}`, says: /nested more/ },
  { name: 'a text of 17 MiB', text: () => `# ${'x'.repeat(17 * 1024 * 1024)}`, says: /longer than 16777216 bytes/ },
];

const taken: readonly { readonly name: string; readonly text: () => string; readonly denied: string }[] = [
  { name: 'a byte order mark', text: () => `\ufeff${head('x')}  rules:\n${rule('/p')}`, denied: '/p' },
  {
    name: '100,000 rules in documents of 500',
    text: () => many(200, (d) => `${head(`p-${d}`)}  rules:\n${many(500, (i) => rule(`/p/${d * 500 + i}`))}---\n`),
    denied: '/p/99999',
  },
  {
    name: '10 MB of documents',
    text: () => many(55_000, (i) => `${head(`p-${i}`)}  rules:\n${rule(`/p/${i}`)}---\n`),
    denied: '/p/54999',
  },
  {
    name: 'a list of 100,000 values',
    text: () => `${head('x')}  rules:\n${rule(many(100_000, (i) => `/p/${i},`))}`,
    denied: '/p/99999',
  },
];

function effect(revisions: Revisions, path: string): string | undefined {
  const program = revisions.current?.program;
  const bag = new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['destination.port', 80n],
    ['request.method', 'GET'],
    ['request.path', path],
    ['request.host', 'cart'],
  ]);
  return program && decide(program, bag).effect;
}

async function closedRevisions(): Promise<Revisions> {
  const store = { load: () => undefined, save: () => undefined };
  const revisions = new Revisions({}, systemClock, store, { run: (steps) => inSlices(steps, { sliceMs: 20 }) });
  await revisions.apply([{ name: 'closed.yaml', text: closed }]);
  return revisions;
}

describe('what is in force stays, and somebody is told, for', () => {
  test.each(refused)(
    '$name',
    async ({ text, says }) => {
      const revisions = await closedRevisions();
      const outcome = await revisions.apply([
        { name: 'bad.yaml', text: text() },
        { name: 'closed.yaml', text: closed },
      ]);
      expect(outcome).toBe('refused');
      const faults = revisions.refusal?.faults ?? [];
      expect(faults.length).toBeLessThanOrEqual(1001);
      const errors = faults.filter(({ severity }) => severity === 'error');
      expect(errors.map(({ reason }) => reason).join('\n')).toMatch(says);
      expect(errors.every(({ place }) => place.file === 'bad.yaml' && place.line >= 1)).toBe(true);
      expect(revisions.current?.number).toBe(1);
      expect([effect(revisions, '/admin'), effect(revisions, '/p/1')]).toEqual(['deny', 'allow']);
    },
    60_000,
  );
});

describe('in force as a whole comes', () => {
  test.each(taken)(
    '$name',
    async ({ text, denied }) => {
      const revisions = await closedRevisions();
      const outcome = await revisions.apply([
        { name: 'closed.yaml', text: closed },
        { name: 'large.yaml', text: text() },
      ]);
      expect(revisions.refusal?.faults.slice(0, 3)).toBeUndefined();
      expect(outcome).toBe('activated');
      const paths = ['/admin', denied, `${denied}x`];
      expect(paths.map((path) => effect(revisions, path))).toEqual(['deny', 'deny', 'allow']);
    },
    60_000,
  );
});
