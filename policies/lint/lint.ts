import type { Fault } from '#schema/place.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { missingHandler } from '../documents/set-warnings.ts';
import { signed } from './finding.ts';
import type { Finding } from './finding.ts';
import { findingOfWarning } from './document-warnings.ts';
import { lintRules } from './lint-rules.ts';

/** Everything legal and unsafe in a set of documents, in the order of their texts. `warnings`: what reading them told already. */
export function lint(set: PolicySet, warnings: readonly Fault[] = [], allowed: readonly string[] = []): Finding[] {
  const findings = [
    // Who asks for a provider that is not there has a rule of its own here.
    ...warnings
      .filter(({ reason }) => !reason.startsWith(missingHandler))
      .map((warning) => findingOfWarning(warning, set)),
    ...lintRules.flatMap((rule) => [...rule.check(set)].map((observation) => signed(rule, observation))),
  ].filter(({ id, name }) => !allowed.includes(id) && !allowed.includes(name));
  const order = new Map(set.documents.map(({ metadata }, index) => [metadata.place.file, index]));
  return findings.toSorted(
    (a, b) =>
      (order.get(a.place.file) ?? 0) - (order.get(b.place.file) ?? 0) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column ||
      (a.id < b.id ? -1 : a.id > b.id ? 1 : 0),
  );
}
