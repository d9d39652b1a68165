import type { CaseResult } from '#policies/cases/index.ts';
import { describePlace } from '#schema/index.ts';

/** One line for a case that came out as expected; for another also what differs, and who decided. */
export function caseText(result: CaseResult): string {
  if (result.ok) return `  ✓ ${result.case}`;
  const lines = [`  ✗ ${result.case}  (${describePlace(result.place)})`];
  for (const { what, expected, actual } of result.differences) {
    lines.push(`      ${what}: expected ${show(expected)}, got ${show(actual)}`);
  }
  const verdict = result.decided?.verdict;
  if (verdict !== undefined) {
    lines.push(`      ${verdict.effect} ${verdict.status}: ${verdict.reason}`);
    for (const { policy, rule, place } of verdict.reasons)
      lines.push(`      rule ${rule} of ${policy} stands at ${describePlace(place)}`);
  }
  return lines.join('\n');
}

function show(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
