import { X509Certificate, randomUUID } from 'node:crypto';
import { type Address, formatAddress } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import { showConfig } from '#runtime/config/show-config.ts';
import type { SidecarConfig } from '#runtime/config/sidecar-config.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { withFailPolicy } from './decide/fail-policy.ts';
import { remoteDecider } from './decide/remote-decider.ts';
import { type Inbound, composeInbound } from './inbound/compose-inbound.ts';
import { type Limits, defaultLimits } from './limits.ts';
import { keptOf, meshClients } from './mesh-clients.ts';
import { type Outbound, composeOutbound } from './outbound/compose-outbound.ts';
import { batchingReporter } from './report/reporter.ts';
import { RevisionReader } from './revision/compile-revision.ts';
import { describeRevision } from './revision/describe-revision.ts';
import { FollowedRevision } from './revision/follow-revisions.ts';
import { SidecarCounts } from './sidecar-counts.ts';

export type SidecarSettings = Omit<SidecarConfig, 'identity' | 'logLevel' | 'file'> & {
  readonly limits?: Partial<Limits>;
};

export interface SidecarSurroundings {
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics?: Metrics;
}

export interface Sidecar extends AsyncDisposable {
  readonly addresses: {
    readonly inbound: readonly Address[];
    readonly outbound: Address | undefined;
    readonly admin: Address;
  };
  readonly admin: AdminServer;
}

/** A sidecar, listening when this resolves and letting traffic through from its first revision on. Disposing drains it. */
export async function composeSidecar(settings: SidecarSettings, surroundings: SidecarSurroundings): Promise<Sidecar> {
  const { identity, clock, logger } = surroundings;
  const { workload } = settings;
  const metrics = surroundings.metrics ?? new Metrics();
  const limits = { ...defaultLimits, decideMs: settings.checkTimeoutMs, drainMs: settings.drainMs, ...settings.limits };
  const counts = new SidecarCounts(metrics, logger, clock);
  const newId = (): string => randomUUID();
  const stop = new AbortController();

  const mesh = meshClients({ ...settings, identity, checkMs: limits.decideMs });
  const reporter = batchingReporter({
    send: mesh.report,
    clock,
    onDropped: (count, reason) => counts.dropped(count, reason),
    keptOf,
  });
  const decider = withFailPolicy(remoteDecider(mesh.check, newId), {
    failOpen: settings.failOpen,
    newId,
    onUndecided: (reason, passed, decision) => counts.undecided(reason, passed, decision),
  });
  const reader = new RevisionReader(workload, () => identity.current().spiffeId.toString());
  const revision = new FollowedRevision({
    watch: mesh.watch,
    compile: (pushed) => reader.read(pushed),
    clock,
    logger,
    signal: stop.signal,
  });

  const admin = new AdminServer({ logger, metrics })
    .page('/config', () => showConfig(settings))
    .page('/revision', () => describeRevision(revision))
    .page('/identity', () => describeIdentity(identity));
  const hasRevision = admin.readiness.pending('revision');
  const isListening = admin.readiness.pending('listen');
  admin.readiness.unless(() => identity.trouble?.());
  revision.onChange(hasRevision);
  metrics.observedGauge('garrison_sidecar_revision', 'The revision in force', () =>
    Number(revision.current?.number ?? 0),
  );
  metrics.observedGauge('garrison_sidecar_identity_expires_seconds', 'When the certificate in use runs out', () =>
    Math.floor(identity.current().expiresAt.getTime() / 1000),
  );

  const parts = { workload, identity, reporter, counts, clock, limits, newId };
  const inbound: Inbound[] = [];
  let outbound: Outbound | undefined;
  const following = revision.follow();
  const dispose = async (): Promise<void> => {
    admin.readiness.pending('ending');
    const deadline = AbortSignal.timeout(limits.drainMs);
    await Promise.all([...inbound, ...(outbound === undefined ? [] : [outbound])].map((side) => side.drain(deadline)));
    await reporter[Symbol.asyncDispose]();
    stop.abort();
    await following;
    mesh[Symbol.dispose]();
    await admin[Symbol.asyncDispose]();
  };
  try {
    const current = (): typeof revision.current => revision.current;
    const adminAddress = await admin.listen(settings.admin, { setting: 'admin' });
    for (const [index, port] of settings.inbound.entries()) {
      const { revealReasons } = settings;
      inbound.push(await composeInbound(port, index, { ...parts, decider, revision: current, revealReasons }));
    }
    if (settings.outbound !== undefined) {
      const onRevision = (listener: () => void): void => revision.onChange(listener);
      outbound = await composeOutbound(settings.outbound.listen, { ...parts, revision: current, onRevision });
    }
    isListening();
    const addresses = {
      inbound: inbound.map(({ address }) => address),
      outbound: outbound?.address,
      admin: adminAddress,
    };
    logger.info('sidecar listens', {
      inbound: addresses.inbound.map(formatAddress),
      admin: formatAddress(adminAddress),
    });
    return { addresses, admin, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

function describeIdentity(identity: IdentitySource): unknown {
  const { spiffeId, certificates, expiresAt } = identity.current();
  const serial = new X509Certificate(certificates[0] ?? '').serialNumber.toLowerCase();
  const trouble = identity.trouble?.() ?? null;
  return { spiffeId: spiffeId.toString(), serial, expiresAt: expiresAt.toISOString(), trouble };
}
