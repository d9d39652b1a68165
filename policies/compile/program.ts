import { eachLightly, finish } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import { profileIn } from '../documents/mesh.ts';
import type { Mesh, Profile } from '../documents/mesh.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { mergeTokenRules } from '../tokens/merge-rules.ts';
import { CedarGroup } from './cedar-group.ts';
import type { Transport } from './compile-rule.ts';
import { namedHandler } from './named-handler.ts';
import { peerModesFor } from './peer-modes.ts';
import { isOrdinary, labelsOf, near, only } from './in-scope.ts';
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

/** A workload that a program was asked about, and what it was asked to decide. */
export interface InUse {
  readonly workload: Workload;
  readonly transports: readonly Transport[];
  readonly cedar: boolean;
  /** What was in force for it, of documents for which mesh. */
  readonly before?: { readonly mesh: Mesh; readonly program: WorkloadProgram };
}

/** Strangers may ask about as many workloads as they like. */
const mostInUse = 1000;

/** One revision, compiled. What is in force for a workload is put together when that workload is first asked about. */
export class Program {
  readonly revision: number;
  readonly set: PolicySet;
  /** Of the mesh's own profile. */
  readonly settings: Settings;
  readonly #readings = new Map<Profile, Reading>();
  readonly #scopes = new Map<string, Scope>();
  readonly #byPolicies = new Map<string, WorkloadProgram>();
  readonly #numbered = new Map<object, string>();
  readonly #asked: { readonly workload: Workload; readonly program: WorkloadProgram }[] = [];

  constructor(set: PolicySet, revision: number) {
    this.set = set;
    this.revision = revision;
    this.settings = this.#reading(set.mesh.profile).settings;
  }

  /** What holds for the workloads of one namespace. */
  scope(namespace: string): Scope {
    return this.#scopes.get(namespace) ?? finish(this.#scopeSteps(namespace));
  }

  forWorkload(workload: Workload): WorkloadProgram {
    return finish(this.workloadSteps(workload));
  }

  *workloadSteps(workload: Workload): Steps<WorkloadProgram> {
    const scope = this.#scopes.get(workload.namespace) ?? (yield* this.#scopeSteps(workload.namespace));
    return yield* scope.programFor(workload);
  }

  /** The workloads that this program was asked about, for the next one to be ready for them. */
  get inUse(): readonly InUse[] {
    return this.#asked.map(({ workload, program }) => ({
      workload,
      transports: program.spoken,
      cedar: program.cedar?.isPrepared === true,
      before: { mesh: this.set.mesh, program },
    }));
  }

  /** Puts together what would otherwise be put together when the workload is first asked about. */
  *warm({ workload, transports, cedar, before }: InUse): Steps<void> {
    const program = yield* this.workloadSteps(workload);
    if (before?.mesh === this.set.mesh) yield* program.adopt(before.program);
    for (const transport of transports) yield* program.ready(transport);
    if (cedar) program.cedar?.prepare();
  }

  #reading(profile: Profile): Reading {
    const known = this.#readings.get(profile);
    if (known !== undefined) return known;
    const { mesh } = this.set;
    const reading = { settings: settingsFor(mesh, profile), compiler: new RuleCompiler(mesh, profile) };
    this.#readings.set(profile, reading);
    return reading;
  }

  /** A short name for a document, so that a list of thousands makes a short key. */
  #number(document: object): string {
    const known = this.#numbered.get(document);
    if (known !== undefined) return known;
    const number = this.#numbered.size.toString(36);
    this.#numbered.set(document, number);
    return number;
  }

  *#scopeSteps(namespace: string): Steps<Scope> {
    const scope = yield* this.#makeScope(namespace);
    // A namespace that no document names has what the root namespace has; strangers must not fill the table.
    if (this.#scopes.size < 10_000) this.#scopes.set(namespace, scope);
    return scope;
  }

  *#makeScope(namespace: string): Steps<Scope> {
    const { set } = this;
    const root = set.mesh.rootNamespace;
    const authorization = yield* near(set.authorization, namespace, root);
    const tokens = yield* near(set.requestAuthentication, namespace, root);
    const peers = yield* near(set.peerAuthentication, namespace, root);
    const cedar = yield* near(set.cedarPolicies, namespace, root);
    const labels = yield* labelsOf([authorization, tokens, peers, cedar]);
    const { settings, compiler } = this.#reading(profileIn(set.mesh, namespace));
    const hasTargets = [authorization, tokens].some((all) => all.some(({ targetRefs }) => targetRefs.length > 0));
    const build = function* (this: Program, workload: Workload): Steps<WorkloadProgram> {
      const chosen = yield* only(authorization, (policy) => isInForce(policy, workload, root));
      const chosenTokens = yield* only(tokens, (document) => isInForce(document, workload, root));
      const chosenCedar = yield* only(cedar, ({ selector }) => selects(selector, workload.labels));
      const modes = peerModesFor(peers, workload, root);
      let key = [settings.strict, modes.mode, ...modes.ports].join();
      for (const documents of [chosen, chosenTokens, chosenCedar] as const)
        yield* eachLightly<object>(documents, (document) => (key += `,${this.#number(document)}`));
      let program = this.#byPolicies.get(key);
      if (program === undefined) {
        program = new WorkloadProgram(
          chosen,
          modes,
          mergeTokenRules(chosenTokens),
          settings,
          compiler,
          (policy) => namedHandler(policy, set.handlers, root),
          chosenCedar.length === 0 ? undefined : new CedarGroup(chosenCedar, set.cedar),
        );
        this.#byPolicies.set(key, program);
      }
      if (this.#asked.length < mostInUse && isOrdinary(workload.labels))
        this.#asked.push({ workload: { ...workload, labels: new Map(workload.labels) }, program });
      return program;
    };
    return new Scope(labels, hasTargets, build.bind(this));
  }
}

export function compile(set: PolicySet, revision: number): Program {
  return finish(compileSteps(set, revision));
}

/** Compiles, and makes ready for the workloads that the program before it was asked about. */
export function* compileSteps(set: PolicySet, revision: number, inUse: readonly InUse[] = []): Steps<Program> {
  const program = new Program(set, revision);
  for (const use of inUse) yield* program.warm(use);
  return program;
}
