import type { CedarEngine } from '#policies/cedar/index.ts';
import { PolicyLoader } from '#policies/documents/index.ts';
import { compileSteps } from '#policies/compile/program.ts';
import type { Program } from '#policies/index.ts';
import type { Mesh } from '#policies/documents/mesh.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import { finish } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { Fault } from '#schema/place.ts';
import type { Clock } from '#runtime/clock.ts';
import { inSlices } from '#runtime/in-slices.ts';

/** A policy file as its author wrote it. */
export interface PolicyFile {
  readonly name: string;
  readonly text: string;
}

/** One set of documents, validated together and in force together. */
export interface Revision {
  readonly number: number;
  readonly activated: Date;
  readonly files: readonly PolicyFile[];
  readonly set: PolicySet;
  readonly warnings: readonly Fault[];
  readonly program: Program;
}

/** A change that is not in force, and everything that is wrong with it. */
export interface Refusal {
  readonly at: Date;
  readonly faults: readonly Fault[];
}

/** What a revision is remembered by, so that a restart neither counts from 1 again nor loses the last good documents. */
export interface StoredRevision {
  readonly number: number;
  readonly activated: Date;
  readonly files: readonly PolicyFile[];
  /** To be compared, as JSON with `mapsAsLists`: what a file gives back has lists where this has maps. */
  readonly mesh: Partial<Mesh>;
}

/** For JSON.stringify, to which every map is an empty object: namespaces of another profile would look like none. */
export function mapsAsLists(_: string, value: unknown): unknown {
  return value instanceof Map ? [...(value as Map<unknown, unknown>)] : value;
}

export interface RevisionStore {
  load(): StoredRevision | undefined;
  save(revision: StoredRevision): Promise<void> | void;
}

/** Does long work while requests are served. */
export type Run = <T>(steps: Steps<T>) => Promise<T>;

export type Outcome = 'activated' | 'unchanged' | 'refused';

/**
 * The documents in force. A change comes into force whole or not at all (decision 6); the last good one serves on, and its
 * requests do not notice: a change is read, compiled and made ready for the workloads in use before anything is decided by it.
 */
export class Revisions {
  readonly #mesh: Partial<Mesh>;
  readonly #clock: Clock;
  readonly #store: RevisionStore;
  readonly #run: Run;
  readonly #loader: PolicyLoader;
  readonly #listeners = new Set<() => void>();
  #current: Revision | undefined;
  #refusal: Refusal | undefined;
  #number: number;

  /** `cedar`: for the documents that are stored. */
  constructor(
    mesh: Partial<Mesh>,
    clock: Clock,
    store: RevisionStore,
    {
      cedar,
      run = (steps) => inSlices(steps, { clock }),
    }: { readonly cedar?: CedarEngine | undefined; readonly run?: Run } = {},
  ) {
    this.#mesh = mesh;
    this.#clock = clock;
    this.#store = store;
    this.#run = run;
    this.#loader = new PolicyLoader(mesh);
    const stored = store.load();
    this.#number = stored?.number ?? 0;
    // Documents of another mesh configuration were never validated under this one: they are, before they count as good.
    if (stored !== undefined && JSON.stringify(stored.mesh, mapsAsLists) === JSON.stringify(mesh, mapsAsLists)) {
      const made = finish(this.#make(stored.files, stored.number, stored.activated, cedar));
      if (!Array.isArray(made)) this.#current = made;
    }
  }

  /** Undefined until the first good documents: then there is nothing to decide by, and every check is refused. */
  get current(): Revision | undefined {
    return this.#current;
  }

  /** Why the latest change is not in force; undefined when it is. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** Called after every change of `current`. Returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Puts these files in force, unless they are in force already or anything is wrong with them. One call at a time. */
  async apply(files: readonly PolicyFile[], cedar?: CedarEngine): Promise<Outcome> {
    if (this.#current !== undefined && sameFiles(this.#current.files, files)) {
      this.#refusal = undefined;
      return 'unchanged';
    }
    const made = await this.#run(this.#make(files, this.#number + 1, this.#clock.now(), cedar));
    if (Array.isArray(made)) return this.refuse(made);
    await this.#store.save({ number: made.number, activated: made.activated, files: made.files, mesh: this.#mesh });
    this.#number = made.number;
    this.#current = made;
    this.#refusal = undefined;
    for (const listener of this.#listeners) listener();
    return 'activated';
  }

  /** Keeps what is in force, and why the change is not. */
  refuse(faults: readonly Fault[]): 'refused' {
    this.#refusal = { at: this.#clock.now(), faults };
    return 'refused';
  }

  *#make(
    files: readonly PolicyFile[],
    number: number,
    activated: Date,
    cedar: CedarEngine | undefined,
  ): Steps<Revision | Fault[]> {
    try {
      const loaded = yield* this.#loader.load(files, cedar);
      if (!loaded.ok) return [...loaded.faults];
      const program = yield* compileSteps(loaded.set, number, this.#current?.program.inUse);
      return { number, activated, files, set: loaded.set, warnings: loaded.warnings, program };
    } catch (error) {
      return [asFault(error, files)];
    }
  }
}

/** Documents that cannot be read or compiled for a fault of ours are still no reason to go live without them, or to end. */
function asFault(error: unknown, files: readonly PolicyFile[]): Fault {
  const place = { file: files[0]?.name ?? '', line: 1, column: 1 };
  const reason = `the documents cannot be put in force: ${asGarrisonError(error).describe()}`;
  return { severity: 'error', place, field: '', reason, fix: undefined };
}

function sameFiles(a: readonly PolicyFile[], b: readonly PolicyFile[]): boolean {
  return a.length === b.length && a.every(({ name, text }, i) => name === b[i]?.name && text === b[i].text);
}
