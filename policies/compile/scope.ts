import type { Steps } from '#schema/index.ts';
import { LabelTree } from './label-tree.ts';
import type { Workload } from './select.ts';
import type { WorkloadProgram } from './workload-program.ts';

/** Finds the program of a workload by those of its labels that some selector asks for. */
export class Scope {
  /** Whether it matters that a workload is a gateway, and which. */
  readonly hasTargets: boolean;
  readonly #labels: LabelTree<WorkloadProgram>;
  readonly #build: (workload: Workload) => Steps<WorkloadProgram>;
  readonly #gateways = new Map<string, WorkloadProgram>();

  /** `labels`: those that selectors ask for, each with the values that they name. */
  constructor(
    labels: ReadonlyMap<string, ReadonlySet<string>>,
    hasTargets: boolean,
    build: (workload: Workload) => Steps<WorkloadProgram>,
  ) {
    this.hasTargets = hasTargets;
    this.#labels = new LabelTree(labels);
    this.#build = build;
  }

  get hasLabels(): boolean {
    return this.#labels.hasKeys;
  }

  /** The program of a workload that is no gateway, where it has been put together before. */
  find(labels: ReadonlyMap<string, string>): WorkloadProgram | undefined {
    return this.#labels.leaf(labels).value;
  }

  *programFor(workload: Workload): Steps<WorkloadProgram> {
    if (this.hasTargets && workload.gateway) {
      const key = JSON.stringify([workload.name, ...[...workload.labels].sort()]);
      const known = this.#gateways.get(key);
      if (known !== undefined) return known;
      const program = yield* this.#build(workload);
      if (this.#gateways.size < 1000) this.#gateways.set(key, program);
      return program;
    }
    const leaf = this.#labels.leaf(workload.labels);
    return (leaf.value ??= yield* this.#build(workload));
  }
}
