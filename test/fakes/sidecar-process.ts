// A sidecar as a process of its own, told what to be by its parent: what it costs can be measured without what is around it.
import { parseSpiffeId } from '#ca/index.ts';
import type { Address } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { type Identity, staticIdentity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { composeSidecar } from '#services/sidecar/compose.ts';
import type { Protocol } from '#services/sidecar/inbound/listener.ts';

export interface ProcessOrder {
  readonly serviceAccount: string;
  readonly identity: Omit<Identity, 'spiffeId' | 'expiresAt'> & { readonly spiffeId: string };
  readonly authz: Address;
  readonly telemetry: Address;
  readonly inbound: readonly { readonly listen: Address; readonly app: Address; readonly protocol: Protocol }[];
  readonly outbound: { readonly listen: Address } | undefined;
}

export interface ProcessCost {
  readonly rss: number;
  readonly cpuMicros: number;
}

process.once('message', (order: ProcessOrder) => void start(order));
process.once('disconnect', () => process.exit(0));

async function start({ serviceAccount, identity, ...rest }: ProcessOrder): Promise<void> {
  const spiffeId = parseSpiffeId(identity.spiffeId);
  const own = { ...identity, spiffeId, expiresAt: new Date(Date.now() + 3_600_000) };
  const workload = { namespace: 'shop', name: `${serviceAccount}-v1`, serviceAccount, gateway: false };
  const sidecar = await composeSidecar(
    {
      ...rest,
      workload: { ...workload, labels: new Map([['app', serviceAccount]]) },
      admin: { host: '127.0.0.1', port: 0 },
      failOpen: false,
      revealReasons: false,
      checkTimeoutMs: 2_000,
      drainMs: 2_000,
    },
    { identity: staticIdentity(own), clock: systemClock, logger: silentLogger },
  );
  await sidecar.admin.readiness.ready();
  process.on('message', (message) => {
    if (message === 'cost') process.send?.(cost());
  });
  process.send?.(sidecar.addresses);
}

function cost(): ProcessCost {
  const { user, system } = process.cpuUsage();
  return { rss: process.memoryUsage.rss(), cpuMicros: user + system };
}
