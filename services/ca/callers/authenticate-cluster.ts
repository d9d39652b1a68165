import { isJoinToken } from '#ca/join-token.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { ClusterReview } from '#runtime/config/callers-config.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { bearerOf, type Authenticator } from '../certificate-service/claim.ts';
import { reviewToken } from '../kubernetes/token-review.ts';
import { idOfServiceAccount, readServiceAccount } from './service-account.ts';

/** By service account token that the API server of its cluster vouches for. The caller names the cluster in `clusterid`. */
export function authenticateCluster(clusters: readonly ClusterReview[], trustDomain: TrustDomain): Authenticator {
  return async (context) => {
    const bearer = bearerOf(context);
    if (bearer === undefined || isJoinToken(bearer) || clusters.length === 0) return undefined;
    const cluster = clusterOf(context, clusters);
    const { user } = await reviewToken(cluster, bearer, context.signal);
    const account = readServiceAccount(user);
    return {
      id: idOfServiceAccount(trustDomain, account),
      dnsNames: [],
      ttlSeconds: undefined,
      warrant: {
        caller: `kubernetes:${cluster.cluster}#${account.namespace}/${account.name}`,
        grant: clusterGrant(cluster.cluster),
      },
    };
  };
}

/** Istio's agents always say which cluster they are of; who does not is of the only one, or of nobody knows which. */
function clusterOf({ metadata }: CallContext, clusters: readonly ClusterReview[]): ClusterReview {
  const named = metadata.get('clusterid');
  const [only, ...others] = clusters;
  const found = named === undefined && others.length === 0 ? only : clusters.find(({ cluster }) => cluster === named);
  if (found !== undefined) return found;
  throw new GarrisonError(
    'UNAUTHENTICATED',
    named === undefined ? 'the caller does not say which cluster it is of' : 'the caller is of a cluster nobody knows',
  );
}

export function clusterGrant(cluster: string): string {
  return `kubernetes:${cluster}`;
}
