import type { FollowedRevision } from './follow-revisions.ts';

/** The page `/revision`. */
export function describeRevision({ current, refused }: FollowedRevision): unknown {
  return {
    revision: current === undefined ? null : Number(current.number),
    activated: current?.activated?.toISOString() ?? null,
    documents: current?.documents ?? 0,
    profile: current?.profile ?? null,
    refused: refused ?? null,
  };
}
