import { GarrisonError } from '#proto/errors/index.ts';
import { cedarRequest } from '../cedar/request.ts';
import type { CedarGroup, CedarRule } from '../compile/cedar-group.ts';
import type { Facts } from './facts.ts';
import { workloadOf } from './workload-of.ts';

/** What the Cedar policies in force say of one request. */
export type CedarFinding =
  | { readonly effect: 'none'; readonly error?: undefined }
  | {
      readonly effect: 'permit' | 'forbid';
      /** The policy that permits or forbids, or could not be evaluated. */
      readonly by: CedarRule;
      /** A policy that cannot be evaluated might have forbidden: it counts as if it did. */
      readonly error?: GarrisonError;
    };

/** `known`: the answer to this very question, where only what is read for it is asked. */
export function askCedar(group: CedarGroup, facts: Facts, known: CedarFinding | undefined): CedarFinding {
  const request = cedarRequest(facts, workloadOf(facts.bag));
  if (known !== undefined) return known;
  const answers = group.programs.map((program) => program.ask(request));
  const failed = answers.flatMap(({ errors }) => errors).sort((a, b) => byRule(group, a.id, b.id))[0];
  if (failed !== undefined) {
    const error = new GarrisonError('INVALID_ARGUMENT', `a Cedar policy cannot be evaluated: ${failed.reason}`);
    return { effect: 'forbid', by: group.ruleOf(failed.id), error };
  }
  for (const effect of ['forbid', 'permit'] as const) {
    const ids = answers.filter((answer) => answer.effect === effect).flatMap(({ decisive }) => decisive);
    const [first] = ids.sort((a, b) => byRule(group, a, b));
    if (first !== undefined) return { effect, by: group.ruleOf(first) };
  }
  return { effect: 'none' };
}

/** Of several that decide, the one that stands first is named. */
function byRule(group: CedarGroup, a: string, b: string): number {
  const [first, second] = [group.ruleOf(a), group.ruleOf(b)];
  if (first.policy === second.policy) return first.index - second.index;
  return first.policy < second.policy ? -1 : 1;
}
