import type { PortBlock } from './port-block.ts';

/** One workload of Bookinfo: an application process and the sidecar process beside it. */
export interface DemoWorkload {
  readonly name: string;
  readonly app: string;
  readonly version: string;
  readonly serviceAccount: string;
  readonly ports: {
    readonly app: number;
    readonly inbound: number;
    readonly outbound: number;
    readonly admin: number;
  };
}

export const namespace = 'bookinfo';
export const trustDomain = 'cluster.local';
export const servicesDomain = 'bookinfo.svc';

const parts = [
  ['ingress', 'v1'],
  ['productpage', 'v1'],
  ['details', 'v1'],
  ['reviews', 'v1'],
  ['reviews', 'v2'],
  ['reviews', 'v3'],
  ['ratings', 'v1'],
] as const;

export function planWorkloads(ports: PortBlock): readonly DemoWorkload[] {
  return parts.map(([app, version]) => ({
    name: `${app}-${version}`,
    app,
    version,
    serviceAccount: `bookinfo-${app}`,
    ports: { app: ports.take(), inbound: ports.take(), outbound: ports.take(), admin: ports.take() },
  }));
}

export function spiffeIdOf(workload: DemoWorkload): string {
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${workload.serviceAccount}`;
}

export function workloadNamed(workloads: readonly DemoWorkload[], name: string): DemoWorkload {
  const found = workloads.find((workload) => workload.name === name);
  if (found === undefined) throw new Error(`no workload \`${name}\` in the demo`);
  return found;
}
