import { isTemplate } from '../compile/path-template.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import { eachRule, observeRule } from './finding.ts';
import type { LintRule, LintSeverity, Observation } from './finding.ts';
import { impossible } from './impossible-value.ts';
import { innerStar, isFreeText } from './inner-star.ts';
import { withMissed } from './missed.ts';

/** A value that somebody took for a regular expression or for a glob. What no request can match at all is told by GL023. */
export const patternAsText: LintRule = {
  id: 'GL031',
  name: 'pattern-as-text',
  severity: 'warning',
  summary:
    'Values are no regular expressions, and `*` is a wildcard alone or at one end: all else is compared as it is written.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, path, notPath, values, notValues } of ruleFieldsOf(rule)) {
        for (const [at, list, negative] of [
          [path, values, false],
          [notPath, notValues, true],
        ] as const) {
          for (const value of list) {
            const sign = signOf(key, value);
            if (sign === undefined || impossible(key, value, policy, set) !== undefined) continue;
            yield observeRule(policy, index, at, wordsFor(sign, policy, negative));
          }
        }
      }
    }
  },
};

interface Sign {
  readonly reason: string;
  readonly fix: string;
  readonly severity?: LintSeverity;
}

function wordsFor({ reason, fix, severity }: Sign, { action }: AuthorizationPolicy, negative: boolean): Sign {
  if (severity !== undefined) return { reason, fix, severity };
  return { reason: withMissed(reason, action, negative), fix };
}

/** What speaks for a value having been meant as a pattern of another kind. */
export function signOf(key: string, value: string): Sign | undefined {
  // Metadata of filters has brackets of its own, and methods have a rule of their own.
  if (
    key.startsWith('experimental.') ||
    key === 'method' ||
    key.endsWith('.ip') ||
    (key === 'path' && isTemplate(value))
  )
    return undefined;
  const star = innerStar(key, value);
  if (star !== undefined) return { reason: star, fix: fixOfStar(key, value) };
  if (!isRegularExpression(key, value)) return dottedEnd(key, value);
  return {
    reason: `\`${value}\` is no regular expression here and is compared as it is written`,
    fix:
      key === 'path'
        ? 'list the paths, end one with `*`, or write a template: `/a/{*}/b`'
        : 'list the values, or end one with `*`',
  };
}

function fixOfStar(key: string, value: string): string {
  if (/[^*]\*\*$/.test(value)) return `write \`${value.slice(0, -1)}\``;
  switch (key) {
    case 'path':
      return 'write a template, `/a/{*}/b`, or list the paths';
    case 'source.principal':
      return 'list the principals, or ask about `namespaces` or `serviceAccounts`';
    default:
      return 'list the values';
  }
}

/** Names of hosts and meshes are full of dots, and so are those of files. */
const dotted = new Set(['host', 'connection.sni', 'path', 'source.trustDomain']);

/** `/admin/.*` can hardly be meant as it is read. `admin.*` may be, `1.2.*` is. */
function dottedEnd(key: string, value: string): Sign | undefined {
  if (!/(?:^|[^\d)\]*])\.\*$/.test(value)) return undefined;
  const sign = {
    reason: `\`${value}\` matches only what begins with \`${value.slice(0, -1)}\`, the dot included`,
    fix: `write \`${value.slice(0, -2)}*\` if all of it is meant`,
  };
  if (key === 'source.namespace' || !/[A-Za-z_]\.\*$/.test(value)) return sign;
  return dotted.has(key) ? undefined : { ...sign, severity: 'note' };
}

/** What stands in no host, no name in TLS and no identity, and in every other regular expression. */
const outsideNames = /[\^$()|+?\\{}]/;

/** `.*` of anything, `.+`, `[a-z]`, `[ab]+`, `(a|b)`, `(?:`, `\d`, `\.`, `^…$`. */
const certain =
  /\.\*.|\.\+|\[\^?[^\]\s]*(?:a-z|A-Z|0-9)[^\]]*\]|\[[^\]:]+\](?:\+|\{\d)|\([^()]*\|[^()]*\)|\(\?[:=!i<]|\\[dwsDWS](?![A-Za-z])|\\[./+*?()[\]{}^$|-]|^\^.*\$$/;

function isRegularExpression(key: string, value: string): boolean {
  if (key.startsWith('source.') && /[[\]]/.test(value)) return true;
  if (isFreeText(key)) return certain.test(value);
  if (key === 'path') return certain.test(value) || /^\^|\$$/.test(value);
  return outsideNames.test(value) || certain.test(value);
}
