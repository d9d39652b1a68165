import { cedarFor } from '#policies/cedar/index.ts';
import { describeFault, type Mesh, PolicyLoader } from '#policies/documents/index.ts';
import { inSlices } from '#runtime/in-slices.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Snapshot } from '#runtime/read-files.ts';
import type { Registrations } from '#services/workload/registrations.ts';

export interface FollowSettings {
  readonly mesh: Partial<Mesh>;
  readonly logger: Logger;
  /** Paths whose absence means that there are no documents yet. */
  readonly mayBeAbsent: readonly string[];
  readonly onRefused: () => void;
  /** After each state, good or bad. */
  readonly onRead: () => void;
}

/** Takes registrations from every good state of the document files. A bad state changes nothing: the last good one stays. */
export async function followRegistrations(
  snapshots: AsyncIterable<Snapshot>,
  registrations: Registrations,
  settings: FollowSettings,
): Promise<void> {
  const { mesh, logger, mayBeAbsent, onRefused, onRead } = settings;
  for await (const { files, faults } of snapshots) {
    const none = (registrations.current ?? []).length === 0;
    const unexpected = faults.filter(
      ({ code, place }) => !(none && code === 'NOT_FOUND' && place !== undefined && mayBeAbsent.includes(place)),
    );
    const loaded = await inSlices(new PolicyLoader(mesh).load(files, await cedarFor(files)));
    if (unexpected.length === 0 && loaded.ok) {
      registrations.replace(loaded.set.registrations);
      logger.info('registrations in force', { registrations: loaded.set.registrations.length });
    } else {
      onRefused();
      const told = loaded.ok ? [] : loaded.faults.map(describeFault);
      logger.error('registrations not changed', {
        registrations: registrations.current?.length ?? 'none yet',
        faults: [...unexpected.map((fault) => fault.describe()), ...told],
      });
    }
    onRead();
  }
}
