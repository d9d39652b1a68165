import { describePlace } from '#schema/describe-fault.ts';
import { quoteable } from '#schema/quoteable.ts';
import type { Explanation, FieldReport, PolicyReport, RuleReport } from './explanation.ts';

/** Rules of one policy that are shown when none of them matches; the JSON has all. */
const mostRules = 8;

/** An explanation as a person reads it once: first what decided, then what was asked, then who else had a say and why not. */
export function explanationText(explanation: Explanation): string {
  const { policies, notInForce } = explanation;
  const deciding = policies.filter(({ decides }) => decides);
  const others = policies.filter(({ decides }) => !decides);
  return [
    headline(explanation),
    ...deciding.flatMap((policy) => policyLines(policy, '  ')),
    '',
    ...requestLines(explanation),
    ...section(`${deciding.length > 0 ? 'Also in' : 'In'} force for ${workloadName(explanation)}`, others, (policy) =>
      policyLines(policy, '  '),
    ),
    ...section('Not in force', notInForce, ({ kind, policy, reason }) => [
      `  ${kind === 'AuthorizationPolicy' ? '' : `${kind} `}${policy}: ${reason}`,
    ]),
  ].join('\n');
}

function headline({ verdict, policies }: Explanation): string {
  const { effect, status, policy, rule, revision, reason, place, audit, shadow } = verdict;
  const fate = effect === 'allow' ? 'ALLOWED' : `DENIED (${status})`;
  const by =
    rule === null
      ? `: ${reason}${policy === 'none' ? '' : ` (${policy})`}`
      : ` by rule ${rule} of ${policy}${whyCustom(reason)}`;
  const lines = [`${fate}${by}, revision ${revision}`];
  if (place !== undefined) lines.push(`  at ${describePlace(place)}`);
  if (rule === null && reason.startsWith('no ALLOW policy matched')) lines.push(...missedAllows(policies));
  if (audit.length > 0) lines.push(`  noted by AUDIT ${audit.join(', ')}`);
  if (shadow?.deny !== undefined) lines.push(`  dry run: ${shadow.deny} would deny`);
  if (shadow?.allow !== undefined)
    lines.push(`  dry run: ${shadow.allow === 'none' ? 'no ALLOW on trial matches' : `${shadow.allow} would allow`}`);
  return lines.join('\n');
}

/** `denied by rule 0 of a/b: provider x refused`: what stands behind the rule. */
function whyCustom(reason: string): string {
  const at = reason.indexOf(': ');
  return at < 0 ? '' : reason.slice(at);
}

function missedAllows(policies: readonly PolicyReport[]): string[] {
  const allows = policies.filter(({ action, dryRun }) => action === 'ALLOW' && !dryRun);
  return [`  ${allows.map(({ policy }) => policy).join(', ')} would have had to`];
}

function requestLines(explanation: Explanation): string[] {
  const { request, mtls, token } = explanation;
  if (request === undefined) return [];
  const { protocol, method, host, path, principal, port } = request;
  const where = `${workloadName(explanation)}${port === undefined ? '' : `, port ${port}`}`;
  const line =
    protocol === 'http'
      ? `${method ?? 'HTTP'} ${quoteable(path?.sent ?? '')}${host === undefined ? '' : ` of ${quoteable(host)}`} at ${where}`
      : `TCP connection to ${where}`;
  const lines = [`Request  ${line}`, `Caller   ${principal === undefined ? 'no identity' : quoteable(principal)}`];
  if (path?.matched !== undefined && path.matched !== withoutQuery(path.sent)) {
    lines.push(`Path     rules see \`${quoteable(path.matched)}\``);
  }
  if (mtls !== undefined) {
    const by = mtls.policy === undefined ? 'no PeerAuthentication says otherwise' : `by ${mtls.policy}`;
    lines.push(`mTLS     ${mtls.mode}, ${by}`);
  }
  if (token !== undefined) lines.push(`Token    ${token.text}`);
  return lines;
}

function withoutQuery(path: string): string {
  return path.replace(/[?#].*$/s, '');
}

function workloadName({ workload: { namespace, name } }: Explanation): string {
  return `${namespace}/${name === '' ? '*' : name}`;
}

function section<T>(title: string, items: readonly T[], lines: (item: T) => readonly string[]): string[] {
  return items.length === 0 ? [] : ['', title, ...items.flatMap(lines)];
}

function policyLines({ policy, action, dryRun, text, rules, asked }: PolicyReport, indent: string): string[] {
  const head = `${indent}${action} ${policy}${dryRun ? ' (dry run)' : ''}: ${text}`;
  if (!asked) return [head];
  const matching = rules.filter((rule) => rule.matches);
  const shown = matching.length > 0 ? matching : rules.slice(0, mostRules);
  const lines = shown.flatMap((rule) => ruleLines(rule, `${indent}  `));
  const rest = matching.length > 0 ? 0 : rules.length - shown.length;
  return [head, ...lines, ...(rest > 0 ? [`${indent}  … and ${rest} more rules that do not match`] : [])];
}

function ruleLines(rule: RuleReport, indent: string): string[] {
  const name = `${indent}rule ${rule.rule}`;
  if (rule.dropped !== undefined) return [`${name}: ${rule.dropped}`];
  const fields = rule.matches ? heldFields(rule) : failedFields(rule);
  if (rule.matches && fields.length === 0) return [`${name} asks nothing and matches everything`];
  return fields.map((field, at) => `${at === 0 ? name : ' '.repeat(name.length)} ${fieldLine(field)}`);
}

/** What made the rule match: of each part the first clause that holds. */
function heldFields({ parts }: RuleReport): FieldReport[] {
  return parts.flatMap(({ clauses }) => clauses.find(({ holds }) => holds)?.fields ?? []);
}

function failedFields({ parts }: RuleReport): FieldReport[] {
  const failed = parts.filter(({ holds }) => !holds);
  return failed.flatMap(({ clauses }) => clauses.flatMap(({ fields }) => fields.filter(({ holds }) => !holds)));
}

function fieldLine({ field, text }: FieldReport): string {
  return `${field}: ${text}`;
}
