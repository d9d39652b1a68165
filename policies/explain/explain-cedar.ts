import type { CedarAnswer } from '../cedar/engine.ts';
import { cedarRequest } from '../cedar/request.ts';
import type { CedarGroup } from '../compile/cedar-group.ts';
import { policyName } from '../compile/rule-compiler.ts';
import type { Facts } from '../decide/facts.ts';
import type { Verdict } from '../decide/verdict.ts';
import { workloadOf } from '../decide/workload-of.ts';
import type { PolicyReport } from './explanation.ts';

/** What each CedarPolicy in force says of a request: Cedar names the policies that decide, and no reason of any other. */
export function explainCedar(group: CedarGroup, facts: Facts, verdict: Verdict, asked: boolean): PolicyReport[] {
  const answers = asked ? answersOf(group, facts) : [];
  return group.policies.map((document): PolicyReport => {
    const name = policyName(document);
    const isOwn = (id: string): boolean => group.ruleOf(id).policy === name;
    const errors = answers.flatMap((answer) => answer.errors).filter(({ id }) => isOwn(id));
    const said = answers.flatMap(({ effect, decisive }) =>
      decisive.filter(isOwn).map((id) => `policy ${group.ruleOf(id).index} ${effect}s`),
    );
    const failed = errors.map(({ reason }) => `cannot be evaluated, which counts as a forbid: ${reason}`);
    const told = [...failed, ...said].join(', ');
    return {
      policy: name,
      action: 'CEDAR',
      provider: undefined,
      dryRun: false,
      place: document.place,
      asked,
      matches: told !== '',
      decides: verdict.rule !== undefined && verdict.policy === name,
      text: !asked ? `not asked: ${verdict.reason}` : told === '' ? 'none of its policies applies' : told,
      rules: [],
    };
  });
}

function answersOf(group: CedarGroup, facts: Facts): CedarAnswer[] {
  const request = cedarRequest(facts, workloadOf(facts.bag));
  return group.programs.map((program) => program.ask(request));
}
