import { readBlock } from '../compile/address.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { isHttpField, ruleFieldsOf } from '../explain/rule-fields.ts';
import type { RuleField } from '../explain/rule-fields.ts';
import { eachRule, observeRule } from './finding.ts';
import type { Observation } from './finding.ts';
import { impossible } from './impossible-value.ts';
import { missed, nothing } from './missed.ts';
import { signOf } from './text-patterns.ts';

/** What is dead in a list that has other values too, or that takes away. */
export function* idleValues(set: PolicySet): Generator<Observation> {
  for (const { policy, rule, index } of eachRule(set)) {
    for (const field of ruleFieldsOf(rule)) {
      const { key, path, notPath, values, notValues } = field;
      for (const [at, list, negative] of [
        [path, values, false],
        [notPath, notValues, true],
      ] as const) {
        const what = missed(policy.action, negative);
        const never = `${negative ? 'takes nothing away' : 'never matches'}${what === undefined ? '' : ` (${what})`}`;
        for (const value of list) {
          const reason = impossible(key, value, policy, set);
          if (reason === undefined) continue;
          const words = { reason: `\`${value}\` ${never}: ${reason}`, fix: fixOf(key, value) };
          yield observeRule(policy, index, at, { ...words, severity: 'warning' });
        }
      }
      const everything = takesAllAway(field);
      if (everything === undefined) continue;
      yield observeRule(policy, index, notPath, {
        reason: `${nothing(policy.action, isHttpField(field))}: ${everything}`,
        fix: 'name what is meant, or remove it',
        severity: 'warning',
      });
    }
  }
}

/** What can be written instead, where it is known what was meant. */
export function fixOf(key: string, value: string): string {
  return signOf(key, value)?.fix ?? 'correct it, or remove it';
}

/** A client of Check might leave these attributes out, so that this is no proof; HTTP and IP cannot. */
function takesAllAway({ key, notValues }: RuleField): string | undefined {
  switch (key) {
    case 'method':
    case 'request.headers[:method]':
      return notValues.includes('*') ? 'there is no request without a method' : undefined;
    case 'path':
    case 'request.headers[:path]':
      return notValues.includes('*') ? 'but for CONNECT there is no request without a path' : undefined;
    case 'source.ip':
    case 'remote.ip':
    case 'destination.ip':
      return notValues.some((value) => isEverything(value, 4)) && notValues.some((value) => isEverything(value, 6))
        ? 'there is no connection without an address'
        : undefined;
    default:
      return undefined;
  }
}

function isEverything(value: string, family: 4 | 6): boolean {
  const block = readBlock(value, false);
  return block.bits === 0 && block.family === family;
}
