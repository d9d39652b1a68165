import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Verdict } from '../decide/verdict.ts';
import type { Decided } from './decide-case.ts';
import type { Expectation } from './suite-shape.ts';

/** One thing that came out otherwise. */
export interface Difference {
  readonly what: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** What an expectation says, and what came of it: the same keys on both sides. */
export interface Comparison {
  readonly expected: Readonly<Record<string, unknown>>;
  readonly actual: Readonly<Record<string, unknown>>;
  readonly differences: readonly Difference[];
}

export function compare(expect: Expectation, decided: Decided): Comparison {
  const { verdict } = decided;
  const differences: Difference[] = [];
  const expected: Record<string, unknown> = {};
  const actual: Record<string, unknown> = {
    verdict: verdict.effect,
    status: verdict.status,
    policy: verdict.policy,
    rule: verdict.rule ?? null,
    reason: verdict.reason,
  };
  const hold = (what: string, wanted: unknown, found: unknown): void => {
    if (wanted === undefined) return;
    expected[what] = wanted;
    actual[what] = found;
    if (!isSame(wanted, found)) differences.push({ what, expected: wanted, actual: found });
  };
  hold('verdict', expect.verdict, verdict.effect);
  // Below 100 it can only have been meant as a gRPC status.
  hold('status', expect.status, (expect.status ?? 200) < 100 ? decided.grpcStatus : verdict.status);
  hold('grpcStatus', expect.grpcStatus, decided.grpcStatus);
  hold('policy', expect.policy, verdict.policy);
  hold('rule', expect.rule, verdict.rule ?? null);
  hold('selected', expect.selected && sorted(expect.selected), sorted(decided.selected));
  hold('audit', expect.audit && sorted(expect.audit), sorted(verdict.audit));
  hold('mtls', expect.mtls, decided.mtls);
  for (const key of ['allow', 'deny'] as const)
    hold(`shadow.${key}`, expect.shadow?.[key], verdict.shadow?.[key] ?? 'none');
  hold('upstream.path', expect.upstream?.path, pathUpstream(verdict, decided.bag));
  for (const [name, value] of expect.upstream?.headers ?? []) {
    hold(`upstream.headers.${name}`, value, headerUpstream(name.toLowerCase(), decided));
  }
  return { expected, actual, differences };
}

/** What the application gets of a request that is let through; of another it gets nothing. */
function pathUpstream({ effect, upstream }: Verdict, bag: AttributeBag): string | null {
  if (effect === 'deny') return null;
  const sent = bag.get('request.path');
  return upstream?.path ?? (typeof sent === 'string' ? sent : null);
}

function headerUpstream(name: string, { verdict: { effect, upstream }, evidence, bag }: Decided): string | null {
  if (effect === 'deny') return null;
  if (upstream?.headers.has(name) === true) return upstream.headers.get(name) ?? null;
  const sent = evidence.headers?.joined ?? bag.get('request.headers');
  return sent instanceof Map ? ((sent as ReadonlyMap<string, string>).get(name) ?? null) : null;
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}

function isSame(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
