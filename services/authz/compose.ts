import { randomUUID } from 'node:crypto';
import { cedarFor } from '#policies/cedar/index.ts';
import { readCheckRequest, writeCheckResponse } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { RevisionsService } from '#proto/gen/garrison/v1/revisions.ts';
import { MixerService } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { formatAddress, isLoopback } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { AdminServer } from '#runtime/admin-server.ts';
import type { Clock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { inSlices } from '#runtime/in-slices.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { displayName } from '#runtime/read-files.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import { createCheck } from './check.ts';
import { composeEvidence } from './compose-evidence.ts';
import { DecisionCounts } from './decision-counts.ts';
import { describeRevision } from './describe-revision.ts';
import { followFiles } from './follow-files.ts';
import { revisionFile } from './revision-file.ts';
import { Revisions } from './revisions.ts';
import type { RevisionStore } from './revisions.ts';
import type { AuthzSettings } from './settings.ts';
import { createWatch, encodeRevision } from './watch.ts';

export interface AuthzSurroundings {
  readonly identity: IdentitySource;
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Shared when several services live in one process. */
  readonly metrics?: Metrics;
}

export interface Authz extends AsyncDisposable {
  readonly addresses: {
    readonly authz: Address;
    readonly authzLocal: Address | undefined;
    readonly authzAdmin: Address;
  };
  readonly revisions: Revisions;
  readonly admin: AdminServer;
}

/** The authorization service, serving when this resolves. Disposing drains it. */
export async function composeAuthz(settings: AuthzSettings, surroundings: AuthzSurroundings): Promise<Authz> {
  const { identity, state, clock, logger } = surroundings;
  const metrics = surroundings.metrics ?? new Metrics();
  refuseOpenPlaintext(settings.local);
  const file = revisionFile(state, logger);
  const stored = file.load();
  const store: RevisionStore = { load: () => stored, save: (revision) => file.save(revision) };
  const stop = new AbortController();
  const revisions = new Revisions(settings.mesh, clock, store, {
    cedar: await cedarFor(stored?.files ?? []),
    run: (steps) => inSlices(steps, { clock, signal: stop.signal }),
  });
  const counts = new DecisionCounts();
  counts.exposeOn(metrics, revisions);
  const admin = new AdminServer({ logger, metrics })
    .page('/revision', () => describeRevision(revisions))
    .page('/status', () => ({
      service: 'authz',
      identity: { spiffeId: identity.current().spiffeId.toString(), expiresAt: identity.current().expiresAt },
      revision: revisions.current?.number ?? null,
      refused: revisions.refusal !== undefined,
    }))
    .page('/config', () => settings.shown);

  const evidence = composeEvidence(settings.keys, revisions, { identity, clock, logger, metrics });
  admin.page('/keys', () => evidence.keys.describe());

  const following = follow(settings, revisions, admin, logger, stop.signal);
  const server = new GrpcServer({ logger, metrics })
    .unary(
      { ...MixerService.check, requestDeserialize: readCheckRequest, responseSerialize: writeCheckResponse },
      createCheck({
        revisions,
        evidence,
        newId: () => randomUUID(),
        onDecided: (decision) => counts.decided(decision),
        onFailed: (error, decision) => {
          counts.failed();
          logger.warn('check could not be decided', { decision: decision.id, error });
        },
      }),
    )
    .serverStream({ ...RevisionsService.watch, responseSerialize: encodeRevision }, createWatch(revisions));

  const dispose = async (): Promise<void> => {
    stop.abort();
    await Promise.all([server[Symbol.asyncDispose](), following.ended]);
    evidence[Symbol.dispose]();
    await admin[Symbol.asyncDispose]();
  };
  try {
    await following.first;
    const listening = admin.readiness.pending('listen');
    admin.readiness.unless(() => identity.trouble?.());
    const addresses = {
      authzAdmin: await admin.listen(settings.admin, { setting: 'authz.admin' }),
      authz: await server.listen(
        settings.listen,
        { kind: 'tls', identity, clientCertificate: 'require' },
        { setting: 'authz.listen' },
      ),
      authzLocal:
        settings.local && (await server.listen(settings.local, { kind: 'plaintext' }, { setting: 'authz.local' })),
    };
    listening();
    return { addresses, revisions, admin, [Symbol.asyncDispose]: dispose };
  } catch (error) {
    await dispose();
    throw error;
  }
}

interface Following {
  /** Resolves when the documents that are there at the start are in force or refused. */
  readonly first: Promise<void>;
  readonly ended: Promise<void>;
}

function follow(
  { policies, policiesNamed }: AuthzSettings,
  revisions: Revisions,
  admin: AdminServer,
  logger: Logger,
  signal: AbortSignal,
): Following {
  const ready = admin.readiness.pending('policies');
  const first = Promise.withResolvers<undefined>();
  const onApplied = (): void => {
    if (revisions.current !== undefined) ready();
    first.resolve(undefined);
  };
  const mayBeAbsent = policiesNamed ? [] : policies.map(displayName);
  const ended = followFiles(watchFiles(policies, signal), revisions, { logger, mayBeAbsent, signal, onApplied });
  return { first: Promise.race([first.promise, ended]), ended };
}

function refuseOpenPlaintext(local: Address | undefined): void {
  if (local === undefined || isLoopback(local)) return;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${formatAddress(local)}\` can be reached from other hosts`, {
    place: 'authz.local',
    remedy: 'plaintext is for this host only: choose a loopback address or a unix socket',
  });
}
