import type { Verdict } from '../decide/verdict.ts';
import type { PolicyReport } from './explanation.ts';

/** One line: what a policy made of the request, and what came of that. */
export function policyText(report: Omit<PolicyReport, 'text'>, verdict: Verdict, providerAllowed: boolean): string {
  const { asked, matches, action, dryRun, decides, rules } = report;
  if (!asked) return `not asked: ${verdict.reason}`;
  const matching = rules.filter((rule) => rule.matches).map(({ rule }) => rule);
  if (!matches) return rules.length === 0 ? 'has no rules, so it matches nothing' : noMatch(rules.length);
  const [noun, verb] = matching.length > 1 ? ['rules', 'match'] : ['rule', 'matches'];
  const which = `${noun} ${matching.join(', ')}`;
  if (dryRun) return `${which} would ${action === 'ALLOW' ? 'allow' : 'deny'}, but it is a dry run`;
  if (decides) return `decides: ${which} ${verb}`;
  return `${which} ${verb}${consequence(report, verdict, providerAllowed)}`;
}

function noMatch(count: number): string {
  return count === 1 ? 'its rule does not match' : `none of its ${count} rules matches`;
}

function consequence(
  { action, provider }: Omit<PolicyReport, 'text'>,
  verdict: Verdict,
  providerAllowed: boolean,
): string {
  switch (action) {
    case 'CUSTOM':
      return providerAllowed
        ? `, and provider \`${provider ?? ''}\` allowed`
        : `, but the request was refused before the answer of provider \`${provider ?? ''}\` counted`;
    case 'CEDAR':
      return '';
    case 'AUDIT':
      return ', which is noted and changes nothing';
    case 'DENY':
      return ', too; another rule is named first';
    case 'ALLOW':
      return verdict.effect === 'deny' ? ', but what is denied needs no ALLOW' : ', too; another rule is named first';
    default:
      return action satisfies never;
  }
}
