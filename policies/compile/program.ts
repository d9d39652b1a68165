import type { AuthorizationPolicy, Selector } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { IdentityReader } from '../decide/identity.ts';
import { NameCheck } from '../decide/name-check.ts';
import { HeaderScanner } from '../decide/scan-headers.ts';
import { mergeTokenRules } from '../tokens/merge-rules.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import type { Transport } from './compile-rule.ts';
import type { CompiledRule } from './compiled-rule.ts';
import { groupPolicies } from './groups.ts';
import type { Groups } from './groups.ts';
import { LabelTree } from './label-tree.ts';
import { peerModesFor } from './peer-modes.ts';
import type { PeerModes } from './peer-modes.ts';
import { policyName, RuleCompiler } from './rule-compiler.ts';
import { isInForce } from './select.ts';
import type { Workload } from './select.ts';
import type { Settings } from './settings.ts';

/** One revision, compiled. What is in force for a workload is put together when that workload is first asked about. */
export class Program {
  readonly revision: number;
  readonly settings: Settings;
  readonly set: PolicySet;
  readonly #compiler: RuleCompiler;
  readonly #scopes = new Map<string, Scope>();
  readonly #byPolicies = new Map<string, WorkloadProgram>();

  constructor(set: PolicySet, revision: number) {
    const { mesh } = set;
    const strict = mesh.profile === 'strict';
    this.set = set;
    this.revision = revision;
    this.settings = {
      strict,
      pathLevel: mesh.pathNormalization ?? (strict ? 'DECODE_AND_MERGE_SLASHES' : 'BASE'),
      trustedHops: mesh.trustedHops,
      identities: new IdentityReader(),
      headerScanner: new HeaderScanner(),
      hosts: new NameCheck(),
      serverNames: new NameCheck(),
    };
    this.#compiler = new RuleCompiler(mesh, set.authorization);
  }

  /** What holds for the workloads of one namespace. */
  scope(namespace: string): Scope {
    const known = this.#scopes.get(namespace);
    if (known !== undefined) return known;
    const scope = this.#makeScope(namespace);
    // A namespace that no document names has what the root namespace has; strangers must not fill the table.
    if (this.#scopes.size < 10_000) this.#scopes.set(namespace, scope);
    return scope;
  }

  forWorkload(workload: Workload): WorkloadProgram {
    return this.scope(workload.namespace).programFor(workload);
  }

  #makeScope(namespace: string): Scope {
    const root = this.set.mesh.rootNamespace;
    const near = <T extends { readonly metadata: { readonly namespace: string } }>(documents: readonly T[]): T[] =>
      documents.filter(({ metadata }) => metadata.namespace === namespace || metadata.namespace === root);
    const authorization = near(this.set.authorization);
    const tokens = near(this.set.requestAuthentication);
    const peers = near(this.set.peerAuthentication);
    const selectors = [...authorization, ...tokens, ...peers].map(({ selector }) => selector);
    const hasTargets = [...authorization, ...tokens].some(({ targetRefs }) => targetRefs.length > 0);
    return new Scope(selectors, hasTargets, (workload) => {
      const chosen = authorization.filter((policy) => isInForce(policy, workload, root));
      const chosenTokens = tokens.filter((document) => isInForce(document, workload, root));
      const modes = peerModesFor(peers, workload, root);
      const key = JSON.stringify([chosen.map(policyName), chosenTokens.map(policyName), modes.mode, [...modes.ports]]);
      let program = this.#byPolicies.get(key);
      if (program === undefined) {
        program = new WorkloadProgram(chosen, modes, mergeTokenRules(chosenTokens), this.#compiler);
        this.#byPolicies.set(key, program);
      }
      return program;
    });
  }
}

/** Everything that is in force for one workload. Each transport is compiled when it is first spoken. */
export class WorkloadProgram {
  readonly policies: readonly AuthorizationPolicy[];
  readonly peers: PeerModes;
  readonly tokens: TokenRules | undefined;
  readonly #compiler: RuleCompiler;
  #http: Groups | undefined = undefined;
  #tcp: Groups | undefined = undefined;

  constructor(
    policies: readonly AuthorizationPolicy[],
    peers: PeerModes,
    tokens: TokenRules | undefined,
    compiler: RuleCompiler,
  ) {
    this.policies = policies;
    this.peers = peers;
    this.tokens = tokens;
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
    return groupPolicies(this.policies, rulesOf);
  }
}

/** Finds the program of a workload by those of its labels that some selector asks for. */
export class Scope {
  /** Whether it matters that a workload is a gateway, and which. */
  readonly hasTargets: boolean;
  readonly #labels: LabelTree<WorkloadProgram>;
  readonly #build: (workload: Workload) => WorkloadProgram;
  readonly #gateways = new Map<string, WorkloadProgram>();

  constructor(selectors: readonly Selector[], hasTargets: boolean, build: (workload: Workload) => WorkloadProgram) {
    this.hasTargets = hasTargets;
    this.#labels = new LabelTree(selectors);
    this.#build = build;
  }

  get hasLabels(): boolean {
    return this.#labels.hasKeys;
  }

  /** The program of a workload that is no gateway, where it has been put together before. */
  find(labels: ReadonlyMap<string, string>): WorkloadProgram | undefined {
    return this.#labels.leaf(labels).value;
  }

  programFor(workload: Workload): WorkloadProgram {
    if (this.hasTargets && workload.gateway) {
      const key = JSON.stringify([workload.name, ...[...workload.labels].sort()]);
      const known = this.#gateways.get(key);
      if (known !== undefined) return known;
      const program = this.#build(workload);
      if (this.#gateways.size < 1000) this.#gateways.set(key, program);
      return program;
    }
    const leaf = this.#labels.leaf(workload.labels);
    return (leaf.value ??= this.#build(workload));
  }
}

export function compile(set: PolicySet, revision: number): Program {
  return new Program(set, revision);
}
