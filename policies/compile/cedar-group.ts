import { GarrisonError } from '#proto/errors/index.ts';
import type { Place } from '#schema/place.ts';
import type { CedarEngine, CedarProgram } from '../cedar/engine.ts';
import type { CedarPolicy } from '../documents/model.ts';
import { policyName } from './rule-compiler.ts';
import { isSameList } from './same-list.ts';

/** One policy of a CedarPolicy document, as verdicts name it. */
export interface CedarRule {
  readonly policy: string;
  readonly index: number;
  readonly place: Place;
}

/** The CedarPolicy documents in force for one workload, made ready when the first request asks. */
export class CedarGroup {
  readonly policies: readonly CedarPolicy[];
  readonly #engine: CedarEngine;
  readonly #rules = new Map<string, CedarRule>();
  #programs: readonly CedarProgram[] | undefined = undefined;
  #permits: boolean | undefined = undefined;

  constructor(policies: readonly CedarPolicy[], engine: CedarEngine | undefined) {
    if (engine === undefined) throw new GarrisonError('FAILED_PRECONDITION', 'Cedar policies need a Cedar engine');
    this.policies = policies;
    this.#engine = engine;
  }

  /** A permit is in force: what nothing permits is denied, as with an ALLOW policy. */
  get permitInForce(): boolean {
    return (this.#permits ??= this.#findPermits());
  }

  /** Entities are seen by the policies of their own document, so a document that has some is evaluated by itself. */
  get programs(): readonly CedarProgram[] {
    return (this.#programs ??= this.#prepare());
  }

  get isPrepared(): boolean {
    return this.#programs !== undefined;
  }

  /** Now, and not when the first request asks. */
  prepare(): void {
    this.#programs ??= this.#prepare();
    this.#permits ??= this.#findPermits();
  }

  /** Takes over what was made ready of the very same documents for another revision. */
  adopt(other: CedarGroup): void {
    if (this.#engine !== other.#engine || !isSameList(this.policies, other.policies)) return;
    this.#programs ??= other.#programs;
    this.#permits ??= other.#permits;
  }

  /** The policy that an answer names `ns/name#0`. */
  ruleOf(id: string): CedarRule {
    let rule = this.#rules.get(id);
    if (rule === undefined) {
      const at = id.lastIndexOf('#');
      const policy = id.slice(0, at);
      const document = this.policies.find((each) => policyName(each) === policy);
      if (document === undefined) throw new GarrisonError('INTERNAL', `Cedar names an unknown policy \`${id}\``);
      rule = { policy, index: Number(id.slice(at + 1)), place: document.place };
      this.#rules.set(id, rule);
    }
    return rule;
  }

  #findPermits(): boolean {
    return this.policies.some(({ policy }) => this.#engine.effects(policy).includes('permit'));
  }

  #prepare(): readonly CedarProgram[] {
    const texts = (documents: readonly CedarPolicy[]): { id: string; text: string }[] =>
      documents.map((document) => ({ id: policyName(document), text: document.policy }));
    const plain = this.policies.filter(({ entities }) => entities.length === 0);
    return [
      ...(plain.length === 0 ? [] : [this.#engine.prepare(texts(plain), [])]),
      ...this.policies
        .filter(({ entities }) => entities.length > 0)
        .map((document) => this.#engine.prepare(texts([document]), document.entities)),
    ];
  }
}
