import { MapBag } from '#proto/attributes/index.ts';
import { compile, decide } from '#policies/index.ts';
import { policy, policySet } from '#test/fakes/policy-documents.ts';
import type { RuleText } from '#test/fakes/policy-documents.ts';
import { measure } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';

/** Inputs that a hostile client or a careless author would choose, each at growing sizes: the times must grow no faster. */
export function worstCases(): Measurement[] {
  const out: Measurement[] = [];
  for (const size of [1_000, 10_000, 100_000]) {
    out.push(
      ask(`path of ${size} dot segments and slashes`, size, pathPolicies, `/${'a/../'.repeat(size / 5)}`),
      ask(`path of ${size} escapes`, size, pathPolicies, `/${'%2e%2f'.repeat(size / 6)}x`),
      ask(
        `template built to go back, path of ${size}`,
        size,
        [{ to: [{ paths: [`/${'{*}/'.repeat(16)}x`] }] }],
        `/${'a/'.repeat(size / 2)}`,
      ),
      ask(
        `globs built to go back, namespace of ${size}`,
        size,
        [{ from: [{ namespaces: [`${'*a'.repeat(16)}*b`] }] }],
        '/',
        `td/ns/${'a'.repeat(size)}/sa/x`,
      ),
      ask(
        `header value of ${size}`,
        size,
        [{ when: [{ key: 'request.headers[x]', values: [`${'a'.repeat(64)}*`, `*${'a'.repeat(64)}`] }] }],
        '/',
        undefined,
        [['x', 'a'.repeat(size)]],
      ),
    );
  }
  for (const count of [10, 100, 1_000]) {
    const headers = Array.from({ length: count }, (_, i): [string, string] => [`x-h-${i}`, `value-${i}`]);
    const rules = Array.from({ length: 200 }, (_, i): RuleText => ({
      when: [{ key: `request.headers[x-h-${i * 7}]`, values: ['other'] }],
    }));
    out.push(ask(`${count} headers, rules on 200 names`, count, rules, '/', undefined, headers));
  }
  for (const length of [100, 1_000, 10_000]) {
    const values = Array.from({ length }, (_, i) => `/v/${i}*`);
    out.push(ask(`value list of ${length}`, length, [{ to: [{ paths: values }] }], '/v'));
    const nots = Array.from({ length }, (_, i): RuleText => ({
      from: [{ notPrincipals: ['td/ns/a/sa/b', `td/ns/a/sa/${i}`] }],
    }));
    out.push(ask(`${length} rules that only exclude, and exclude the caller`, length, nots, '/', 'td/ns/a/sa/b'));
  }
  return out;
}

const pathPolicies: RuleText[] = [{ to: [{ paths: ['/admin*', '*/secret', '/a/{**}/b'] }] }];

function ask(
  name: string,
  size: number,
  rules: readonly RuleText[],
  path: string,
  principal = 'td/ns/x/sa/y',
  headers: readonly (readonly [string, string])[] = [],
): Measurement {
  const program = compile(policySet([policy('worst', 'DENY', rules)]), 1);
  const bag = new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['source.principal', principal],
    ['request.method', 'GET'],
    ['request.host', 'cart'],
    ['request.path', path],
    ['request.headers', new Map(headers)],
  ]);
  return measure(`worst: ${name}`, () => decide(program, bag).effect, {
    batch: size > 5_000 ? 1 : 10,
    warmUpMs: 100,
    measureMs: 200,
  });
}
