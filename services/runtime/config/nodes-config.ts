import { type Shape, check, field, list, object, string } from '#schema/index.ts';
import { type ClusterReview, clusterFields, refuseTwice } from './callers-config.ts';
import { pathIn } from './shapes.ts';

/** How machines may prove themselves, to become nodes, beside join tokens. */
export interface NodesConfig {
  readonly x509pop: MachineCertificates | undefined;
  readonly k8sPsat: { readonly clusters: readonly NodeCluster[] } | undefined;
}

/** Certificates that machines have from somebody else. */
export interface MachineCertificates {
  /** PEM file: the roots that these certificates lead to. */
  readonly authorities: string;
}

export interface NodeCluster extends ClusterReview {
  /** Whose tokens make a node: `NAMESPACE:SERVICE_ACCOUNT`. */
  readonly serviceAccounts: readonly string[];
}

export const noNodes: NodesConfig = { x509pop: undefined, k8sPsat: undefined };

const account: Shape<string> = string({
  pattern: {
    expression: /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?:[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/,
    reason: 'is no service account',
    fix: 'write it as `NAMESPACE:SERVICE_ACCOUNT`',
  },
});

export function nodesShape(folder: string): Shape<NodesConfig> {
  const x509pop = object({
    authorities: field(pathIn(folder), {
      describe: 'a PEM file: the roots of the certificates that machines have',
      required: true,
    }),
  });
  const cluster = object({
    ...clusterFields(folder, 'garrison'),
    serviceAccounts: field(list(account, { min: 1 }), {
      describe: 'the service accounts that agents run as: `NAMESPACE:SERVICE_ACCOUNT`',
      required: true,
    }),
  });
  const k8sPsat = check(
    object({
      clusters: field(list(cluster, { min: 1 }), {
        describe: 'clusters whose API server is asked about the token of an agent',
        required: true,
      }),
    }),
    ({ clusters }, here) => {
      refuseTwice(
        here,
        'clusters',
        'cluster',
        clusters.map((one) => one.cluster),
      );
    },
  );
  return object({
    x509pop: field(x509pop, { nullable: true, describe: 'machines that have a certificate and its key' }),
    k8sPsat: field(k8sPsat, { nullable: true, describe: 'nodes of Kubernetes clusters, by their agent’s token' }),
  });
}
