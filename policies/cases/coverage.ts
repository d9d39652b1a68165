import type { Place } from '#schema/index.ts';
import { compile } from '../compile/program.ts';
import type { Program } from '../compile/program.ts';
import { decide } from '../decide/decide.ts';
import { makePolicySet } from '../documents/policy-set.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { Decided } from './decide-case.ts';
import type { Suite } from './load-suite.ts';

/** A rule, and whether some case was decided (or, for AUDIT, noted) by it. */
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

  addSuite({ program }: Suite): void {
    for (const { metadata, rules } of program.set.authorization) {
      const policy = `${metadata.namespace}/${metadata.name}`;
      for (const [index, { place }] of rules.entries()) {
        const key = keyOf(place);
        if (!this.#rules.has(key)) this.#rules.set(key, { policy, rule: index, place, covered: false });
      }
    }
  }

  addCase(suite: Suite, { bag, evidence, verdict }: Decided): void {
    for (const { place } of verdict.reasons) this.#cover(place);
    const { authorization } = suite.program.set;
    if (authorization.some(({ dryRun, action }) => dryRun || action === 'CUSTOM')) {
      // A provider that allowed, and a policy in dry-run, leave no rule in the verdict: without an answer, and in earnest, they do.
      const { tokens } = evidence;
      for (const { place } of decide(this.#inEarnest(suite), bag, { tokens }).reasons) this.#cover(place);
      for (const { place } of decide(this.#inEarnest(suite), bag, evidence).reasons) this.#cover(place);
    }
  }

  #cover(place: Place): void {
    const rule = this.#rules.get(keyOf(place));
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
