import type { MeshFolder } from './mesh-files.ts';
import type { DemoWorkload } from './workloads.ts';

/** What a scene of the story may use: the running mesh, and the means to ask it. */
export interface Stage {
  readonly folder: MeshFolder;
  readonly workloads: readonly DemoWorkload[];
  /** Where people come in. */
  readonly ingressPort: number;
  readonly authzAdmin: string;
  readonly elapsedMs: () => number;
  /** Runs a verb of the command as a person would; stdout comes back. */
  garrison(args: readonly string[]): Promise<{ readonly code: number; readonly stdout: string }>;
  /** A client certificate for an identity, signed by an authority that is not this mesh's. */
  strangersCertificate(id: string): Promise<{ readonly cert: string; readonly key: string }>;
}
