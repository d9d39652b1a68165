import type { Place } from '#schema/index.ts';
import { compile } from '../compile/program.ts';
import type { Program } from '../compile/program.ts';
import { decide } from '../decide/decide.ts';
import { makePolicySet } from '../documents/policy-set.ts';
import type { Reason } from '../decide/verdict.ts';
import type { AuthorizationPolicy, Metadata } from '../documents/model.ts';
import type { Decided } from './decide-case.ts';
import type { Suite } from './load-suite.ts';

/** A rule, or one policy of a Cedar text, and whether some case was decided (or, for AUDIT, noted) by it. */
export interface RuleCoverage {
  readonly policy: string;
  readonly rule: number;
  readonly place: Place;
  covered: boolean;
}

/** Which rules of all documents under test have decided a case. Rules are told apart by where they stand, so suites may share files. */
export class Coverage {
  readonly #rules = new Map<string, RuleCoverage>();
  readonly #variants = new WeakMap<Suite, Program>();

  get rules(): readonly RuleCoverage[] {
    return [...this.#rules.values()];
  }

  addSuite({ program: { set } }: Suite): void {
    for (const { metadata, rules } of set.authorization) {
      for (const [index, { place }] of rules.entries()) this.#add(keyOf(place), metadata, index, place);
    }
    for (const { metadata, place, policy } of set.cedarPolicies) {
      for (const index of (set.cedar?.effects(policy) ?? []).keys()) {
        this.#add(cedarKeyOf(place, index), metadata, index, place);
      }
    }
  }

  addCase(suite: Suite, { bag, evidence, verdict }: Decided): void {
    for (const reason of verdict.reasons) this.#cover(reason);
    const { authorization } = suite.program.set;
    if (authorization.some(({ dryRun, action }) => dryRun || action === 'CUSTOM')) {
      // A provider that allowed, and a policy in dry-run, leave no rule in the verdict: without an answer, and in earnest, they do.
      const { tokens } = evidence;
      for (const reason of decide(this.#inEarnest(suite), bag, { tokens }).reasons) this.#cover(reason);
      for (const reason of decide(this.#inEarnest(suite), bag, evidence).reasons) this.#cover(reason);
    }
  }

  #add(key: string, { namespace, name }: Metadata, rule: number, place: Place): void {
    if (!this.#rules.has(key)) this.#rules.set(key, { policy: `${namespace}/${name}`, rule, place, covered: false });
  }

  #cover({ place, rule: index }: Reason): void {
    const rule = this.#rules.get(keyOf(place)) ?? this.#rules.get(cedarKeyOf(place, index));
    if (rule !== undefined) rule.covered = true;
  }

  #inEarnest(suite: Suite): Program {
    const known = this.#variants.get(suite);
    if (known !== undefined) return known;
    const { set } = suite.program;
    const documents = set.documents.map((document) =>
      document.kind === 'AuthorizationPolicy'
        ? ({ ...document, dryRun: false } satisfies AuthorizationPolicy)
        : document,
    );
    const program = compile(makePolicySet(set.mesh, documents, set.cedar), 1);
    this.#variants.set(suite, program);
    return program;
  }
}

function keyOf({ file, line, column }: Place): string {
  return `${file}:${line}:${column}`;
}

/** The policies of one text stand in one place. */
function cedarKeyOf(place: Place, index: number): string {
  return `${keyOf(place)}#${index}`;
}
