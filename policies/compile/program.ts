import type { Profile } from '../documents/mesh.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { mergeTokenRules } from '../tokens/merge-rules.ts';
import { CedarGroup } from './cedar-group.ts';
import { namedHandler } from './named-handler.ts';
import { peerModesFor } from './peer-modes.ts';
import { RuleCompiler } from './rule-compiler.ts';
import { Scope } from './scope.ts';
import { isInForce, selects } from './select.ts';
import type { Workload } from './select.ts';
import { settingsFor } from './settings.ts';
import type { Settings } from './settings.ts';
import { WorkloadProgram } from './workload-program.ts';

export type { WorkloadProgram };

/** What one profile makes of the documents. */
interface Reading {
  readonly settings: Settings;
  readonly compiler: RuleCompiler;
}

/** One revision, compiled. What is in force for a workload is put together when that workload is first asked about. */
export class Program {
  readonly revision: number;
  readonly set: PolicySet;
  /** Of the mesh's own profile. */
  readonly settings: Settings;
  readonly #readings = new Map<Profile, Reading>();
  readonly #scopes = new Map<string, Scope>();
  readonly #byPolicies = new Map<string, WorkloadProgram>();
  readonly #numbered = new Map<object, number>();

  constructor(set: PolicySet, revision: number) {
    this.set = set;
    this.revision = revision;
    this.settings = this.#reading(set.mesh.profile).settings;
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

  #reading(profile: Profile): Reading {
    const known = this.#readings.get(profile);
    if (known !== undefined) return known;
    const { mesh, authorization } = this.set;
    const reading = {
      settings: settingsFor(mesh, profile),
      compiler: new RuleCompiler(mesh, profile, authorization),
    };
    this.#readings.set(profile, reading);
    return reading;
  }

  /** A short name for each document, so that a list of thousands makes a short key. */
  #numbers(documents: readonly object[]): string[] {
    return documents.map((document) => {
      const number = this.#numbered.get(document) ?? this.#numbered.size;
      this.#numbered.set(document, number);
      return number.toString(36);
    });
  }

  #makeScope(namespace: string): Scope {
    const root = this.set.mesh.rootNamespace;
    const near = <T extends { readonly metadata: { readonly namespace: string } }>(documents: readonly T[]): T[] =>
      documents.filter(({ metadata }) => metadata.namespace === namespace || metadata.namespace === root);
    const authorization = near(this.set.authorization);
    const tokens = near(this.set.requestAuthentication);
    const peers = near(this.set.peerAuthentication);
    const cedar = near(this.set.cedarPolicies);
    const selectors = [...authorization, ...tokens, ...peers, ...cedar].map(({ selector }) => selector);
    const profile = this.set.mesh.namespaceProfiles?.get(namespace) ?? this.set.mesh.profile;
    const { settings, compiler } = this.#reading(profile);
    const hasTargets = [...authorization, ...tokens].some(({ targetRefs }) => targetRefs.length > 0);
    return new Scope(selectors, hasTargets, (workload) => {
      const chosen = authorization.filter((policy) => isInForce(policy, workload, root));
      const chosenTokens = tokens.filter((document) => isInForce(document, workload, root));
      const chosenCedar = cedar.filter(({ selector }) => selects(selector, workload.labels));
      const modes = peerModesFor(peers, workload, root);
      const key = [
        profile,
        modes.mode,
        ...modes.ports,
        ...this.#numbers([...chosen, ...chosenTokens, ...chosenCedar]),
      ].join();
      let program = this.#byPolicies.get(key);
      if (program === undefined) {
        program = new WorkloadProgram(
          chosen,
          modes,
          mergeTokenRules(chosenTokens),
          settings,
          compiler,
          (policy) => namedHandler(policy, this.set.handlers, this.set.mesh.rootNamespace),
          chosenCedar.length === 0 ? undefined : new CedarGroup(chosenCedar, this.set.cedar),
        );
        this.#byPolicies.set(key, program);
      }
      return program;
    });
  }
}

export function compile(set: PolicySet, revision: number): Program {
  return new Program(set, revision);
}
