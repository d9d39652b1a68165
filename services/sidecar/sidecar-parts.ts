import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Limits } from './limits.ts';
import type { Reporter } from './report/reporter.ts';
import type { SidecarCounts } from './sidecar-counts.ts';
import type { OwnWorkload } from './workload.ts';

/** What both sides of a sidecar are built from. */
export interface SidecarParts {
  readonly workload: OwnWorkload;
  readonly identity: IdentitySource;
  readonly reporter: Reporter;
  readonly counts: SidecarCounts;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly newId: () => string;
}
