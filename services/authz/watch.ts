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
        yield toWire(current);
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
    },
  };
}
