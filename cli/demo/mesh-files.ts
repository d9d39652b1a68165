import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { namespace } from './workloads.ts';
import type { DemoWorkload } from './workloads.ts';

/** Where the demo keeps everything of one run. */
export interface MeshFolder {
  readonly root: string;
  readonly config: string;
  readonly policies: string;
  readonly state: string;
  readonly logs: string;
}

/** Lays out one run: the policies of examples/bookinfo, the mesh's configuration, all ports free ones. */
export function writeMeshFolder(root: string, examples: string, workloads: readonly DemoWorkload[]): MeshFolder {
  const folder: MeshFolder = {
    root,
    config: join(root, 'garrison.yaml'),
    policies: join(root, 'policies'),
    state: join(root, 'state'),
    logs: join(root, 'logs'),
  };
  for (const path of [folder.policies, folder.logs]) mkdirSync(path, { mode: 0o700 });
  cpSync(examples, folder.policies, { recursive: true });
  writeFileSync(join(folder.policies, 'workloads.yaml'), workloadEntries(workloads));
  writeFileSync(folder.config, meshConfig);
  return folder;
}

const meshConfig = `# Port 0: any free one; \`garrison up\` says which.
policies: [./policies]
state: ./state
ca: { listen: 127.0.0.1:0, workloadApi: ./state/workload.sock, bundleEndpoint: null, admin: 127.0.0.1:0 }
authz: { listen: 127.0.0.1:0, local: 127.0.0.1:0, http: null, admin: 127.0.0.1:0 }
telemetry: { listen: 127.0.0.1:0, http: 127.0.0.1:0, admin: 127.0.0.1:0 }
`;

function workloadEntries(workloads: readonly DemoWorkload[]): string {
  const entries = workloads
    .filter(({ app }) => app !== 'ingress')
    .map(
      ({ name, app, version, serviceAccount, ports }) => `apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: { name: ${name}, namespace: ${namespace} }
spec:
  address: 127.0.0.1
  ports: { http: ${ports.inbound} }
  labels: { app: ${app}, version: ${version} }
  serviceAccount: ${serviceAccount}
`,
    );
  return `# Where each workload of this run is: the inbound port of its sidecar.\n${entries.join('---\n')}`;
}

export interface MeshAddresses {
  readonly ca: string;
  readonly authz: string;
  readonly telemetry: string;
}

/** Writes what one sidecar is told, and its join token, and says where. */
export function writeSidecarFiles(
  folder: MeshFolder,
  workload: DemoWorkload,
  mesh: MeshAddresses,
  joinToken: string,
): string {
  const { name, app, version, serviceAccount, ports } = workload;
  const token = join(folder.root, `${name}.token`);
  writeFileSync(token, joinToken, { mode: 0o600 });
  const inbound = `[{ listen: 127.0.0.1:${ports.inbound}, app: 127.0.0.1:${ports.app}, protocol: http }]`;
  const path = join(folder.root, `${name}.yaml`);
  writeFileSync(
    path,
    `workload: { namespace: ${namespace}, name: ${name}, serviceAccount: ${serviceAccount}, labels: { app: ${app}, version: ${version} } }
identity: { ca: ${mesh.ca}, token: ./${name}.token }
authz: ${mesh.authz}
telemetry: ${mesh.telemetry}
inbound: ${app === 'ingress' ? '[]' : inbound}
outbound: { listen: 127.0.0.1:${ports.outbound} }
admin: 127.0.0.1:${ports.admin}
drain: 2s
`,
  );
  return path;
}
