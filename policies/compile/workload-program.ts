import type { AuthorizationPolicy } from '../documents/model.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import type { CedarGroup } from './cedar-group.ts';
import type { Transport } from './compile-rule.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { groupPolicies } from './groups.ts';
import type { Groups, HandlerOf } from './groups.ts';
import type { PeerModes } from './peer-modes.ts';
import type { RuleCompiler } from './rule-compiler.ts';
import type { Settings } from './settings.ts';

/** Everything that is in force for one workload. Each transport is compiled when it is first spoken. */
export class WorkloadProgram {
  readonly policies: readonly AuthorizationPolicy[];
  readonly peers: PeerModes;
  readonly tokens: TokenRules | undefined;
  readonly settings: Settings;
  /** Undefined where no Cedar policy is in force. */
  readonly cedar: CedarGroup | undefined;
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
    this.#handlerOf = handlerOf;
    this.#compiler = compiler;
  }

  /** A request can be decided from its bag alone. */
  get isSelfContained(): boolean {
    return this.tokens === undefined && this.policies.every(({ action }) => action !== 'CUSTOM');
  }

  get http(): Groups {
    return (this.#http ??= this.#group('http'));
  }

  get tcp(): Groups {
    return (this.#tcp ??= this.#group('tcp'));
  }

  #group(transport: Transport): Groups {
    const rulesOf = (policy: AuthorizationPolicy): readonly CompiledRule[] => this.#compiler.rulesOf(policy, transport);
    return groupPolicies(transport === 'http' ? this.policies : this.#onTcp(), rulesOf, this.#handlerOf);
  }

  /** A provider that speaks HTTP only is not asked about other connections, as upstream. */
  #onTcp(): readonly AuthorizationPolicy[] {
    return this.policies.filter((policy) => this.#handlerOf(policy)?.check.protocol !== 'http');
  }
}
