import { join } from 'node:path';
import type { Installation } from '../installation.ts';
import { createTokens } from './join-tokens.ts';
import { writeSidecarFiles } from './mesh-files.ts';
import type { MeshFolder } from './mesh-files.ts';
import type { Processes } from './processes.ts';
import { servicesDomain } from './workloads.ts';
import type { DemoWorkload } from './workloads.ts';

/** What `garrison up --output json` prints when everything serves; only what the demo needs of it. */
export interface MeshReady {
  readonly ca: string;
  readonly authz: string;
  readonly telemetry: string;
  readonly telemetryHttp: string;
  readonly authzLocal: string;
  readonly authzAdmin: string;
  readonly telemetryAdmin: string;
}

export interface Programs {
  /** bin/garrison.js */
  readonly garrison: string;
  /** One Bookinfo process. */
  readonly bookinfo: string;
}

export interface MeshParts {
  readonly folder: MeshFolder;
  readonly workloads: readonly DemoWorkload[];
  readonly programs: Programs;
  readonly processes: Processes;
}

/** Starts the mesh, the applications beside it, and then a sidecar with its own identity for each application. */
export async function startMesh(parts: MeshParts): Promise<MeshReady> {
  const { folder, workloads, programs, processes } = parts;
  const applications = workloads.map((workload) => startApplication(parts, workload));
  const line = await processes.start({
    name: 'up',
    command: [programs.garrison, 'up', '--config', folder.config, '--output', 'json'],
  });
  const { addresses } = JSON.parse(line) as { addresses: MeshReady };
  const tokens = await createTokens(
    folder.state,
    workloads.map(({ name }) => name),
  );
  await Promise.all([
    ...applications,
    ...workloads.map(async (workload) => {
      const file = writeSidecarFiles(folder, workload, addresses, tokens.get(workload.name) ?? '');
      await processes.start({
        name: `sidecar-${workload.name}`,
        command: [programs.garrison, 'sidecar', '--config', file, '--output', 'json'],
      });
    }),
  ]);
  return addresses;
}

async function startApplication(parts: MeshParts, workload: DemoWorkload): Promise<void> {
  await parts.processes.start({
    name: workload.name,
    command: [parts.programs.bookinfo],
    env: {
      NAME: workload.app,
      VERSION: workload.version,
      PORT: String(workload.ports.app),
      OUTBOUND: `127.0.0.1:${workload.ports.outbound}`,
      SERVICES_DOMAIN: servicesDomain,
    },
  });
}

export function programsOf({ root, code, extension }: Installation): Programs {
  return {
    garrison: join(root, 'bin/garrison.js'),
    bookinfo: join(code, `cli/demo/bookinfo/main${extension}`),
  };
}
