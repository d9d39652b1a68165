import type { MeshFolder } from './mesh-files.ts';
import type { DemoWorkload } from './workloads.ts';

/** What a scene of the story may use: the running mesh, and the means to ask it. */
export interface Stage {
  readonly folder: MeshFolder;
  readonly workloads: readonly DemoWorkload[];
  /** Where people come in. */
  readonly ingressPort: number;
  readonly authzAdmin: string;
  readonly telemetryAdmin: string;
  readonly elapsedMs: () => number;
  /** Runs a verb of the command as a person would; stdout comes back. */
  garrison(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }>;
  /** Serial of the certificate that a workload's sidecar shows now; undefined while it has none. */
  serialOf(workload: DemoWorkload): Promise<string | undefined>;
  /** A client certificate that another mesh's authority signed for the same workload path. */
  strangersCertificate(workload: DemoWorkload): Promise<{ readonly cert: string; readonly key: string }>;
}

export function workloadNamed(stage: Stage, name: string): DemoWorkload {
  const found = stage.workloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`no workload \`${name}\` in the demo`);
  return found;
}
