import { GarrisonError } from '#proto/errors/index.ts';
import type { Peer, UnixPeer } from '#runtime/peer.ts';

/** What the kernel says of a caller, as selectors. Nothing of it comes from the caller. */
export interface Attested {
  readonly selectors: ReadonlySet<string>;
  readonly unix: UnixPeer;
  /** For the record. */
  readonly caller: string;
}

/** The workload takes no part in this (SPIFFE Workload Endpoint §4): uid, gid and executable are the kernel's words. */
export function attestUnix({ unix }: Peer): Attested {
  if (unix === undefined) {
    throw new GarrisonError('PERMISSION_DENIED', 'the kernel does not say which process is calling', {
      remedy: 'call over the unix socket, on Linux',
    });
  }
  return { selectors: new Set(selectorsOf(unix)), unix, caller: callerOf(unix) };
}

function selectorsOf({ uid, gid, executable, groups = [] }: UnixPeer): string[] {
  const selectors = [`unix:uid:${uid}`, `unix:gid:${gid}`];
  for (const id of groups) selectors.push(`unix:supplementary_gid:${id}`);
  // Absent where the kernel would not say, or where the process was gone: then no path selector holds.
  if (executable !== undefined) selectors.push(`unix:path:${executable}`);
  return selectors;
}

function callerOf({ uid, gid, executable }: UnixPeer): string {
  return `unix:uid=${uid},gid=${gid}${executable === undefined ? '' : `,path=${executable}`}`;
}
