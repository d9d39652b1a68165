import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityUseClient } from '#proto/gen/garrison/v1/authority-use.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { isAuthority } from '#runtime/identity/request-certificate.ts';

/** Whoever has to be quick is not kept waiting by a count. */
const timeoutMs = 5000;

/** Who has nothing under another authority yet, and is out when this one goes: not the one who certifies itself. */
export interface Standing {
  readonly authority: string;
  readonly state: string;
  readonly identities: readonly string[];
  /** Whether these are all there are. */
  readonly complete: boolean;
}

/** Undefined where it cannot be told: what is about to be done with the authority tells why, or is not held up. */
export async function standingOn(uses: AuthorityUseClient, authority: string): Promise<Standing | undefined> {
  try {
    const request = { authority, identities: true, limit: 0 };
    const { authorities } = await callUnary(uses.listUses.bind(uses), request, { timeoutMs });
    const [found] = authorities;
    if (found === undefined) return undefined;
    const still = found.identities.filter(
      ({ spiffeId, moved }) => moved === undefined && !isAuthority(parseSpiffeId(spiffeId)),
    );
    const identities = still.map(({ spiffeId }) => spiffeId);
    return { authority, state: found.authority?.state ?? '', identities, complete: found.complete };
  } catch {
    return undefined;
  }
}

/** One that was tainted has had its time: who is left there does not follow, or is not to. */
export function refuseUntainted(standing: Standing | undefined): void {
  if (standing?.state !== 'old' || standing.identities.length === 0) return;
  const { authority } = standing;
  throw new GarrisonError(
    'FAILED_PRECONDITION',
    countOf(standing, `still stand on \`${authority}\``, `still stands on \`${authority}\``),
    {
      place: '--authority',
      remedy:
        `\`garrison identity taint ${authority}\` first has everybody who follows renew; ` +
        '`--force` revokes it now: who joined with a token then needs a new one',
    },
  );
}

/** `3 identities still stand on it (a, b, c)`. */
export function countOf({ identities, complete }: Standing, many: string, one: string): string {
  const named = identities.slice(0, 3).map((id) => `\`${id}\``);
  const more = identities.length > named.length || !complete ? ', …' : '';
  const count =
    identities.length === 1
      ? `1 identity ${one}`
      : `${identities.length}${complete ? '' : ' or more'} identities ${many}`;
  return `${count} (${named.join(', ')}${more})`;
}
