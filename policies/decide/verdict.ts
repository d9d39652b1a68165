import { TrackingBag } from '#proto/attributes/tracking.ts';
import type { AttributeBag, Reference } from '#proto/attributes/index.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import type { Place } from '#schema/place.ts';
import type { CedarRule } from '../compile/cedar-group.ts';
import type { CompiledRule } from '../compile/compiled-rule.ts';
import type { Program } from '../compile/program.ts';
import type { CedarFinding } from './ask-cedar.ts';
import type { Evidence, Upstream } from './evidence.ts';
import type { Facts } from './facts.ts';

/** What dry-run policies would have done: the policy that matched, `none` for ALLOW policies of which none did. */
export interface Shadow {
  readonly allow?: string;
  readonly deny?: string;
}

/** A rule that had a part in the verdict. */
export interface Reason {
  readonly effect: 'allow' | 'deny' | 'audit';
  readonly policy: string;
  readonly rule: number;
  readonly place: Place;
}

export interface Verdict {
  readonly effect: 'allow' | 'deny';
  /** HTTP status: 200, 400, 401 or 403. */
  readonly status: number;
  /** `namespace/name` of the policy that decided, or `none`. */
  readonly policy: string;
  readonly rule: number | undefined;
  readonly revision: number;
  /** One line for people. */
  readonly reason: string;
  readonly reasons: readonly Reason[];
  /** What of the bag the verdict depends on: a request that agrees on it gets the same verdict. Found out when asked for. */
  readonly referenced: readonly Reference[];
  /** Whether the verdict may be remembered for other requests. Cedar sees the whole of a request: no other is like it. */
  readonly lasting: boolean;
  /** AUDIT policies that matched. */
  readonly audit: readonly string[];
  readonly shadow: Shadow | undefined;
  /** Changes to the request before it reaches the application; undefined: none. */
  readonly upstream: Upstream | undefined;
  /** Value of `www-authenticate` of a 401. */
  readonly challenge: string | undefined;
  /** Set when the request could not be decided, and is denied for it. */
  readonly error: GarrisonError | undefined;
}

/** What the steps of a decision found out; all optional but the first two. */
export interface Finding {
  readonly effect: 'allow' | 'deny';
  readonly status: number;
  /** The rule that decided. */
  readonly by?: CompiledRule | CedarRule;
  /** The policy that decided where no rule of an AuthorizationPolicy did. */
  readonly policy?: string;
  readonly reason: string | undefined;
  readonly audit?: readonly CompiledRule[] | undefined;
  readonly shadow?: Shadow | undefined;
  readonly upstream?: Upstream | undefined;
  readonly challenge?: string | undefined;
  readonly error?: GarrisonError;
  /** What Cedar said, where it was asked. */
  readonly cedar?: CedarFinding | undefined;
}

/** Decides the same question again on another view of the same bag. */
export type Replay = (program: Program, facts: Facts, evidence: Evidence, finding: Finding, bag: AttributeBag) => void;

const none: readonly never[] = [];

/** A verdict whose prose and references cost nothing until someone asks. */
export class FoundVerdict implements Verdict {
  readonly #program: Program;
  readonly #facts: Facts;
  readonly #evidence: Evidence;
  readonly #finding: Finding;
  readonly #replay: Replay;
  #references: readonly Reference[] | undefined = undefined;

  constructor(program: Program, facts: Facts, evidence: Evidence, finding: Finding, replay: Replay) {
    this.#program = program;
    this.#facts = facts;
    this.#evidence = evidence;
    this.#finding = finding;
    this.#replay = replay;
  }

  get revision(): number {
    return this.#program.revision;
  }

  get effect(): 'allow' | 'deny' {
    return this.#finding.effect;
  }

  get status(): number {
    return this.#finding.status;
  }

  get policy(): string {
    return this.#finding.by?.policy ?? this.#finding.policy ?? 'none';
  }

  get rule(): number | undefined {
    return this.#finding.by?.index;
  }

  get reason(): string {
    const { by, reason, effect } = this.#finding;
    if (by === undefined) return reason ?? effect;
    const verb = effect === 'allow' ? 'allowed' : 'denied';
    return `${verb} by rule ${by.index} of ${by.policy}${reason === undefined ? '' : `: ${reason}`}`;
  }

  get reasons(): readonly Reason[] {
    const { by, effect, audit } = this.#finding;
    const reasonOf = (rule: CompiledRule | CedarRule, what: Reason['effect']): Reason => ({
      effect: what,
      policy: rule.policy,
      rule: rule.index,
      place: rule.place,
    });
    return [
      ...(by === undefined ? [] : [reasonOf(by, effect)]),
      ...(audit ?? []).map((rule) => reasonOf(rule, 'audit')),
    ];
  }

  get referenced(): readonly Reference[] {
    return (this.#references ??= this.#findReferences());
  }

  get lasting(): boolean {
    return this.#finding.cedar === undefined && this.#finding.error === undefined;
  }

  get audit(): readonly string[] {
    const { audit } = this.#finding;
    return audit === undefined || audit.length === 0 ? none : [...new Set(audit.map((rule) => rule.policy))];
  }

  get shadow(): Shadow | undefined {
    return this.#finding.shadow;
  }

  get upstream(): Upstream | undefined {
    return this.#finding.upstream;
  }

  get challenge(): string | undefined {
    return this.#finding.challenge;
  }

  get error(): GarrisonError | undefined {
    return this.#finding.error;
  }

  #findReferences(): readonly Reference[] {
    const tracking = new TrackingBag(this.#facts.bag);
    this.#replay(this.#program, this.#facts, this.#evidence, this.#finding, tracking);
    const references = tracking.references();
    for (const reference of respelled(references)) references.push(reference);
    return references;
  }
}

const headers = 'request.headers';

/**
 * A header `x_role` is a wide reading of `x-role`. Whoever remembers this verdict must not use it for a request that has
 * another spelling, so the absence of each is a reference too.
 */
function respelled(references: readonly Reference[]): readonly Reference[] {
  const more: Reference[] = [];
  let known: Set<string | undefined> | undefined;
  for (const { name, key } of references) {
    if (name !== headers || key?.includes('-') !== true) continue;
    known ??= new Set(references.map((reference) => (reference.name === headers ? reference.key : undefined)));
    for (const other of spellingsOf(key)) {
      if (!known.has(other)) more.push({ name, key: other, condition: 'absence' });
    }
  }
  return more;
}

/** So many hyphens have 63 other spellings; of a longer name only the one that servers write is told. */
const mostHyphens = 6;

/** `x-user-role` as `x_user-role`, `x-user_role` and `x_user_role`. */
function spellingsOf(name: string): string[] {
  const [first = '', ...rest] = name.split('-');
  if (rest.length > mostHyphens) return [name.replaceAll('-', '_')];
  let spelled = [first];
  for (const part of rest) spelled = spelled.flatMap((begun) => [`${begun}-${part}`, `${begun}_${part}`]);
  return spelled.slice(1);
}
