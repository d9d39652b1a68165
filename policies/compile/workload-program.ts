import { eachLightly, finish } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import type { CedarGroup } from './cedar-group.ts';
import type { Transport } from './compile-rule.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { groupPolicies } from './groups.ts';
import type { Groups, HandlerOf } from './groups.ts';
import type { PeerModes } from './peer-modes.ts';
import type { RuleCompiler } from './rule-compiler.ts';
import { isSameList } from './same-list.ts';
import type { Settings } from './settings.ts';

/** Everything that is in force for one workload. Each transport is compiled when it is first spoken. */
export class WorkloadProgram {
  readonly policies: readonly AuthorizationPolicy[];
  readonly peers: PeerModes;
  readonly tokens: TokenRules | undefined;
  readonly settings: Settings;
  /** Undefined where no Cedar policy is in force. */
  readonly cedar: CedarGroup | undefined;
  /** A request can be decided from its bag alone. */
  readonly isSelfContained: boolean;
  readonly #handlerOf: HandlerOf;
  readonly #compiler: RuleCompiler;
  #http: Groups | undefined = undefined;
  #tcp: Groups | undefined = undefined;

  constructor(
    policies: readonly AuthorizationPolicy[],
    peers: PeerModes,
    tokens: TokenRules | undefined,
    settings: Settings,
    compiler: RuleCompiler,
    handlerOf: HandlerOf,
    cedar: CedarGroup | undefined,
  ) {
    this.policies = policies;
    this.peers = peers;
    this.tokens = tokens;
    this.settings = settings;
    this.cedar = cedar;
    this.isSelfContained = tokens === undefined && policies.every(({ action }) => action !== 'CUSTOM');
    this.#handlerOf = handlerOf;
    this.#compiler = compiler;
  }

  get http(): Groups {
    return this.#http ?? finish(this.ready('http'));
  }

  get tcp(): Groups {
    return this.#tcp ?? finish(this.ready('tcp'));
  }

  /** The transports that were spoken so far. */
  get spoken(): readonly Transport[] {
    return [
      ...(this.#http === undefined ? [] : ['http' as const]),
      ...(this.#tcp === undefined ? [] : ['tcp' as const]),
    ];
  }

  /**
   * Takes over what another revision has compiled of the very same documents of one mesh: most workloads do not notice most
   * changes, and of those that do most policies do not. Which Handler a CUSTOM policy means is found out anew.
   */
  *adopt(other: WorkloadProgram): Steps<void> {
    if (other.cedar !== undefined) this.cedar?.adopt(other.cedar);
    if (this.settings.strict !== other.settings.strict) return;
    if (isSameList(this.policies, other.policies) && this.policies.every(({ action }) => action !== 'CUSTOM')) {
      this.#http ??= other.#http;
      this.#tcp ??= other.#tcp;
    } else {
      yield* eachLightly(this.policies, (policy) => this.#compiler.adopt(policy, other.#compiler));
    }
  }

  /** Compiles for a transport before it is spoken. */
  *ready(transport: Transport): Steps<Groups> {
    const known = transport === 'http' ? this.#http : this.#tcp;
    if (known !== undefined) return known;
    const groups = yield* this.#group(transport);
    if (transport === 'http') this.#http = groups;
    else this.#tcp = groups;
    return groups;
  }

  #group(transport: Transport): Steps<Groups> {
    const rulesOf = (policy: AuthorizationPolicy): readonly CompiledRule[] => this.#compiler.rulesOf(policy, transport);
    return groupPolicies(transport === 'http' ? this.policies : this.#onTcp(), rulesOf, this.#handlerOf);
  }

  /** A provider that speaks HTTP only is not asked about other connections, as upstream. */
  #onTcp(): readonly AuthorizationPolicy[] {
    return this.policies.filter(
      (policy) => policy.action !== 'CUSTOM' || this.#handlerOf(policy)?.check.protocol !== 'http',
    );
  }
}
