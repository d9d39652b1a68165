import { Revision as RevisionMessage } from '#proto/gen/garrison/v1/revisions.ts';
import type { Revision as WireRevision } from '#proto/gen/garrison/v1/revisions.ts';
import type { WatchRequest } from '#proto/gen/garrison/v1/revisions.ts';
import { Timestamp } from '#proto/attributes/index.ts';
import type { Revision, Revisions } from './revisions.ts';

/**
 * garrison.v1.Revisions.Watch: the revision in force, then each later one as it comes. A reader that is slow gets the
 * latest when it is ready and not those between: what is in force matters, not how it came to be.
 */
export function createWatch(revisions: Revisions) {
  return async function* watch(
    _request: WatchRequest,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<WireRevision> {
    let sent: Revision | undefined;
    while (!signal.aborted) {
      const current = revisions.current;
      if (current !== undefined && current !== sent) {
        sent = current;
        yield wireOf(current);
      } else {
        await nextChange(revisions, signal);
      }
    }
  };
}

function nextChange(revisions: Revisions, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      stop();
      signal.removeEventListener('abort', done);
      resolve();
    };
    const stop = revisions.onChange(done);
    signal.addEventListener('abort', done, { once: true });
  });
}

/** One message for all readers, so that it need be encoded only once. */
const onTheWire = new WeakMap<Revision, WireRevision>();

function wireOf(revision: Revision): WireRevision {
  const known = onTheWire.get(revision);
  if (known !== undefined) return known;
  const made = toWire(revision);
  onTheWire.set(revision, made);
  return made;
}

const encoded = new WeakMap<WireRevision, Uint8Array>();

/** The bytes of a message; some megabytes for a large mesh, and as many sidecars read it. */
export function encodeRevision(revision: WireRevision): Uint8Array {
  const known = encoded.get(revision);
  if (known !== undefined) return known;
  const bytes = RevisionMessage.encode(revision).finish();
  encoded.set(revision, bytes);
  return bytes;
}

function toWire({ number, activated, files, set: { mesh } }: Revision): WireRevision {
  return {
    number: BigInt(number),
    activated: Timestamp.fromDate(activated),
    files: files.map(({ name, text }) => ({ name, text })),
    mesh: {
      trustDomain: mesh.trustDomain,
      trustDomainAliases: [...mesh.trustDomainAliases],
      rootNamespace: mesh.rootNamespace,
      profile: mesh.profile,
      namespaceProfiles: new Map(mesh.namespaceProfiles),
      pathNormalization: mesh.pathNormalization ?? '',
    },
  };
}
