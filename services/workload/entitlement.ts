import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { attestUnix, type Attested } from './attest-unix.ts';
import type { BinaryHashes } from './binary-hash.ts';
import type { Changes } from './changes.ts';
import { entitled, type Registrations } from './registrations.ts';
import type { Trust } from './trust.ts';

export interface WorkloadApiOptions {
  readonly trust: Trust;
  readonly registrations: Registrations;
  /** Bumped when registrations, bundle or an SVID change. */
  readonly changes: Changes;
  readonly binaries: BinaryHashes;
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
  const found = entitled(current, await selectorsFor(current, attested, options.binaries));
  if (found.length > 0) return found;
  throw new GarrisonError('PERMISSION_DENIED', `no registration is for this process, \`${caller}\``, {
    remedy: 'add a Registration document whose selectors it meets',
  });
}

/** What the kernel said, and the hash of the program where a registration asks for one: reading it is not for nothing. */
async function selectorsFor(
  registrations: readonly Registration[],
  { selectors, unix }: Attested,
  binaries: BinaryHashes,
): Promise<ReadonlySet<string>> {
  const asked = registrations.some((one) => one.selectors.some((selector) => selector.startsWith('unix:sha256:')));
  const hash = asked ? await binaries.of(unix) : undefined;
  return hash === undefined ? selectors : new Set([...selectors, `unix:sha256:${hash}`]);
}

/** Builds a message after every change and sends it when it says something new. */
export async function* follow<T>(
  changes: Changes,
  signal: AbortSignal,
  build: () => Promise<{ message: T; print: string }>,
): AsyncGenerator<T, void, void> {
  let sent: string | undefined;
  while (!signal.aborted) {
    const seen = changes.version;
    const { message, print } = await build();
    if (print !== sent) {
      sent = print;
      yield message;
    }
    await changes.after(seen, signal);
  }
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
