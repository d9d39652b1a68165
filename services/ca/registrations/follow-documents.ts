import type { AdminServer } from '#runtime/admin-server.ts';
import { displayName } from '#runtime/read-files.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import type { CaCore, CaSurroundings } from '../ca-core.ts';
import type { CaCounts } from '../ca-counts.ts';
import type { CaSettings } from '../settings.ts';
import { followRegistrations } from './follow-registrations.ts';

export interface FollowingParts {
  readonly admin: AdminServer;
  readonly counts: CaCounts;
  readonly signal: AbortSignal;
}

/** The registrations follow the document files. `read`: they were looked at once, so that a caller who comes now is told the truth. */
export function followDocuments(
  { policies, policiesNamed, mesh }: CaSettings,
  { registrations, federation }: CaCore,
  { logger }: CaSurroundings,
  { admin, counts, signal }: FollowingParts,
): { readonly read: Promise<void>; readonly ended: Promise<void> } {
  const inForce = admin.readiness.pending('registrations');
  const stop = registrations.onChange(() => {
    stop();
    inForce();
  });
  // A registration may name a trust domain before the configuration does; whoever wrote it should hear of it.
  registrations.onChange(() => {
    const trustDomains = federation.unknown(registrations.current ?? []);
    if (trustDomains.length > 0) logger.warn('registrations federate with unknown trust domains', { trustDomains });
  });
  const first = Promise.withResolvers<undefined>();
  const ended = followRegistrations(watchFiles(policies, signal), registrations, {
    mesh,
    logger,
    mayBeAbsent: policiesNamed ? [] : policies.map(displayName),
    onRefused: () => counts.documentsRefused(),
    onRead: () => {
      first.resolve(undefined);
    },
  });
  return { read: Promise.race([first.promise, ended]), ended };
}
