import { AuthorityUseService } from '#proto/gen/garrison/v1/authority-use.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityUses } from '../authority-use/authority-uses.ts';
import { toTimestamp } from './certificate-record.ts';
import { toAuthority } from './identity-admin.ts';

const mostNamed = 10_000;

/** The operator's question before an old authority goes: who still uses it? */
export function serveAuthorityUse(
  server: GrpcServer,
  uses: AuthorityUses,
  admit: (context: CallContext) => void,
): void {
  server.unary(AuthorityUseService.listUses, async ({ authority: wanted, identities, limit }, context) => {
    admit(context);
    const counts = (await uses.counts()).filter(({ authority: { id } }) => wanted === '' || id === wanted);
    if (wanted !== '' && counts.length === 0) {
      throw new GarrisonError('NOT_FOUND', `there is no authority \`${wanted.slice(0, 100)}\` that is trusted`, {
        remedy: '`garrison identity authorities` shows those there are',
      });
    }
    const most = limit === 0 ? 1000 : Math.min(limit, mostNamed);
    const authorities = counts.map(async ({ authority, certificates, intermediates }) => {
      const named = identities ? await uses.identities(authority.id, most) : { identities: [], complete: false };
      return {
        authority: toAuthority(authority),
        certificates: BigInt(certificates),
        intermediates: BigInt(intermediates),
        identities: named.identities.map((use) => ({
          spiffeId: use.spiffeId,
          certificates: BigInt(use.certificates),
          lastExpires: toTimestamp(use.lastExpires),
          moved: use.moved && toTimestamp(use.moved),
          downstream: use.downstream,
        })),
        complete: named.complete,
      };
    });
    return { authorities: await Promise.all(authorities) };
  });
}
