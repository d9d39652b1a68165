import { describeFault } from '#schema/index.ts';
import type { Revisions } from './revisions.ts';

/** What the admin port's `/revision` shows: what is in force, since when, and the last refusal in full. */
export function describeRevision({ current, refusal }: Revisions): Record<string, unknown> {
  return {
    revision: current?.number ?? null,
    activated: current?.activated.toISOString() ?? null,
    files: current?.files.map(({ name }) => name) ?? [],
    documents:
      current?.set.documents.map(({ kind, metadata: { namespace, name, place } }) => ({
        kind,
        namespace,
        name,
        place: `${place.file}:${place.line}`,
      })) ?? [],
    warnings: current?.warnings.map(describeFault) ?? [],
    refusal:
      refusal === undefined
        ? null
        : {
            at: refusal.at.toISOString(),
            faults: refusal.faults.map((fault) => ({ ...fault, text: describeFault(fault) })),
          },
  };
}
