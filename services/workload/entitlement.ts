import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { attestUnix, type Attested } from './attest-unix.ts';
import type { Attestors } from './attest/attestors.ts';
import type { Changes } from './changes.ts';
import { entitled, type Registrations } from './registrations.ts';
import type { Trust } from './trust.ts';

export interface WorkloadApiOptions {
  readonly trust: Trust;
  readonly registrations: Registrations;
  /** Bumped when registrations, bundle or an SVID change. */
  readonly changes: Changes;
  /** They find out what the kernel's word about a connection does not hold. */
  readonly attestors: Attestors;
  /** Counts a stream; what it returns ends the counting. */
  readonly opened: () => () => void;
}

/** SPIFFE Workload Endpoint §4.1: the header shows that the call was meant, and not forwarded by a fooled proxy. */
export function admit(context: CallContext): Attested {
  if (context.metadata.get('workload.spiffe.io') !== 'true') {
    throw new GarrisonError('INVALID_ARGUMENT', 'the metadata `workload.spiffe.io: true` is missing', {
      remedy: 'use a SPIFFE client, or send that header',
    });
  }
  return attestUnix(context.peer);
}

export async function entitledOrRefused(options: WorkloadApiOptions, attested: Attested): Promise<Registration[]> {
  const { current } = options.registrations;
  const { caller } = attested;
  if (current === undefined) {
    throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet', { remedy: 'try again' });
  }
  const more = await options.attestors.selectorsOf(attested.unix, current);
  const found = entitled(current, new Set([...attested.selectors, ...more]));
  if (found.length > 0) return found;
  throw new GarrisonError('PERMISSION_DENIED', `no registration is for this process, \`${caller}\``, {
    remedy: 'add a Registration document whose selectors it meets',
  });
}

/** Workload API §5.2.1: a hint is unique in a response, and the first SVID is the default. */
export function uniqueHints(): (hint: string | undefined) => string {
  const given = new Set<string>();
  return (hint = '') => {
    const own = given.has(hint) ? '' : hint;
    given.add(hint);
    return own;
  };
}
