import type { RuleCoverage } from '#policies/cases/index.ts';
import { describePlace } from '#schema/index.ts';

export function coverageText(rules: readonly RuleCoverage[]): string {
  const missing = rules.filter((rule) => !rule.covered);
  const lines = missing.map(
    ({ policy, rule, place }) => `  no case is decided by rule ${rule} of ${policy} (${describePlace(place)})`,
  );
  const percent = rules.length === 0 ? 100 : Math.floor((100 * (rules.length - missing.length)) / rules.length);
  return [`coverage: ${rules.length - missing.length} of ${rules.length} rules, ${percent} %`, ...lines].join('\n');
}

export function coverageJson(rules: readonly RuleCoverage[]): Record<string, unknown> {
  const missing = rules.filter((rule) => !rule.covered);
  return {
    coverage: {
      rules: rules.length,
      covered: rules.length - missing.length,
      missing: missing.map(({ policy, rule, place }) => ({ policy, rule, ...place })),
    },
  };
}
