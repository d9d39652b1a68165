import { isReserved } from '#ca/identity-template.ts';
import { serviceAccountId, type SpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** Names as Kubernetes accepts them (RFC 1123): a label, and a subdomain, whose dots mean nothing to us. */
const namespaceName = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;
const accountName = /^[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?$/;

export interface ServiceAccount {
  readonly namespace: string;
  readonly name: string;
}

/** `system:serviceaccount:NAMESPACE:NAME`, as tokens and TokenReviews write it, and nothing like it. */
export function readServiceAccount(user: string): ServiceAccount {
  const [system, kind, namespace = '', name = '', ...rest] = user.split(':');
  const isAccount = system === 'system' && kind === 'serviceaccount' && rest.length === 0;
  if (isAccount && namespaceName.test(namespace) && accountName.test(name)) return { namespace, name };
  throw new GarrisonError('UNAUTHENTICATED', 'the subject of the token is no Kubernetes service account');
}

export function idOfServiceAccount(trustDomain: TrustDomain, { namespace, name }: ServiceAccount): SpiffeId {
  return serviceAccountId(trustDomain, namespace, name);
}

/** What a token or a proxy says may name any workload, but not the mesh's own servers or a node. */
export function refuseReserved(id: SpiffeId): void {
  if (!isReserved(id)) return;
  throw new GarrisonError('UNAUTHENTICATED', `\`${id.toString()}\` is one of the mesh’s own identities`);
}
