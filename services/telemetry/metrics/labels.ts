import type { StringMap } from '#proto/attributes/index.ts';
import type { Action } from '#services/telemetry/report/action.ts';
import type { Party } from '#services/telemetry/report/party.ts';
import { serviceNames } from './service-names.ts';

/** Istio's labels of HTTP metrics, in the order in which they are written. */
export const labelNames = [
  'reporter',
  'source_workload',
  'source_workload_namespace',
  'source_principal',
  'source_app',
  'source_version',
  'source_canonical_service',
  'source_canonical_revision',
  'source_cluster',
  'destination_workload',
  'destination_workload_namespace',
  'destination_principal',
  'destination_app',
  'destination_version',
  'destination_canonical_service',
  'destination_canonical_revision',
  'destination_cluster',
  'destination_service',
  'destination_service_name',
  'destination_service_namespace',
  'request_protocol',
  'response_code',
  'grpc_response_status',
  'response_flags',
  'connection_security_policy',
] as const;

const unknown = 'unknown';

export interface LabelOptions {
  /** The cluster that a known party lives in, unless its label `topology.istio.io/cluster` says another. */
  readonly cluster: string;
  /** The service that an action without `destination.service.host` counts to, given its Host header. */
  readonly serviceOfHost: (host: string) => string | undefined;
}

/** Values for `labelNames`, with Istio's fallbacks. */
export function labelsOf(action: Action, options: LabelOptions): string[] {
  const { destination } = action;
  const host = action.service ?? (action.host === undefined ? undefined : options.serviceOfHost(action.host));
  const service = serviceNames(host, destination.namespace);
  return [
    action.reporter === 'inbound' ? 'destination' : 'source',
    ...partyLabels(action.source, options.cluster),
    ...partyLabels(destination, options.cluster),
    service.host,
    service.name,
    service.namespace,
    action.protocol ?? unknown,
    // 0: the client went away before there was a response.
    action.code === undefined ? '0' : action.code.toString(),
    action.grpcStatus ?? '',
    action.flags === undefined || action.flags === '' ? '-' : action.flags,
    // A calling sidecar says `unknown` by design: only the server knows what it demanded.
    action.reporter === 'outbound' ? unknown : action.mtls ? 'mutual_tls' : 'none',
  ];
}

function partyLabels({ principal, namespace, workload, labels }: Party, cluster: string): string[] {
  const app = first(labels, 'app');
  const version = first(labels, 'version');
  return [
    workload ?? unknown,
    namespace ?? unknown,
    principal === undefined ? unknown : `spiffe://${principal}`,
    app ?? unknown,
    version ?? unknown,
    first(labels, 'service.istio.io/canonical-name', 'app.kubernetes.io/name') ?? app ?? workload ?? unknown,
    first(labels, 'service.istio.io/canonical-revision', 'app.kubernetes.io/version') ?? version ?? 'latest',
    // Kiali skips a sample whose namespace is known and whose cluster is not.
    first(labels, 'topology.istio.io/cluster') ?? (namespace === undefined ? unknown : cluster),
  ];
}

function first(labels: StringMap | undefined, ...keys: readonly string[]): string | undefined {
  if (labels === undefined) return undefined;
  for (const key of keys) {
    const value = labels.get(key);
    if (value !== undefined && value !== '') return value;
  }
  return undefined;
}
