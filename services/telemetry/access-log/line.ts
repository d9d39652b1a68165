import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Action } from '#services/telemetry/report/action.ts';
import { headerWithoutSecrets } from '#services/telemetry/report/credentials.ts';
import { addressOf, mapOf, numberOf, textOf } from '#services/telemetry/report/read-attribute.ts';

/**
 * JSON leaves DEL, C1 controls, line separators and direction marks as they are; a terminal or a log viewer does not.
 * Written as \u escapes they say what they are, and the line stays JSON.
 */
const deceptive = /[\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;

export function escapeDeceptive(json: string): string {
  return json.replace(deceptive, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** One action as a line: Istio's keys in Istio's order, then what was decided. What is not known is null. */
export function accessLogLine(action: Action, bag: AttributeBag, receivedMs: number): string {
  const headers = mapOf(bag, 'request.headers');
  const header = (name: string): string | undefined => {
    const value = headers?.get(name);
    return value === undefined ? undefined : headerWithoutSecrets(name, value);
  };
  const outbound = action.reporter === 'outbound';
  const fields = {
    start_time: new Date(action.time ?? receivedMs).toISOString(),
    method: action.method ?? null,
    path: action.path ?? null,
    protocol: action.protocol ?? null,
    response_code: action.code ?? 0,
    response_flags: action.flags ?? '-',
    response_code_details: codeDetails(action) ?? null,
    connection_termination_details: null,
    upstream_transport_failure_reason: null,
    bytes_received: action.requestBytes ?? null,
    bytes_sent: action.responseBytes ?? null,
    duration: action.durationMs === undefined ? null : Math.round(action.durationMs),
    upstream_service_time: null,
    x_forwarded_for: header('x-forwarded-for') ?? null,
    user_agent: textOf(bag, 'request.useragent') ?? header('user-agent') ?? null,
    request_id: action.requestId ?? null,
    authority: action.host ?? null,
    upstream_host: endpoint(action.destination.address, action.port) ?? null,
    upstream_cluster: clusterName(action) ?? null,
    upstream_local_address: null,
    downstream_local_address: null,
    downstream_remote_address: callerAddress(action, bag) ?? null,
    requested_server_name: textOf(bag, 'connection.requested_server_name') ?? null,
    route_name: null,
    trace_id: action.trace ?? null,
    reporter: outbound ? 'source' : 'destination',
    source_principal: action.source.principal ?? null,
    source_namespace: action.source.namespace ?? null,
    source_workload: action.source.workload ?? null,
    destination_principal: action.destination.principal ?? null,
    destination_namespace: action.destination.namespace ?? null,
    destination_workload: action.destination.workload ?? null,
    mtls: action.mtls,
    decision_id: action.decision ?? null,
    decision_effect: action.effect,
    decision_policy: action.policy ?? null,
    decision_rule: action.rule ?? null,
    decision_revision: action.revision ?? null,
    decision_reason: action.reason ?? null,
    decision_fail_open: action.failOpen,
  };
  return `${escapeDeceptive(JSON.stringify(fields))}\n`;
}

/** For an outbound call the caller is the application beside the sidecar, whose address says nothing. */
function callerAddress({ reporter }: Action, bag: AttributeBag): string | undefined {
  if (reporter === 'outbound') return undefined;
  // As Envoy logs it: whom a balancer connected for, where it said so.
  const proxied = addressOf(bag, 'garrison.source.proxied_ip');
  if (proxied !== undefined && proxied !== '0.0.0.0' && proxied !== '::') return endpoint(proxied, undefined);
  return endpoint(addressOf(bag, 'source.ip'), numberOf(bag, 'source.port'));
}

/** As Envoy's RBAC filter names its denials. */
function codeDetails(action: Action): string | undefined {
  if (action.effect !== 'deny') return action.code === undefined ? undefined : 'via_upstream';
  const [namespace, name] = (action.policy ?? 'none').split('/');
  return name === undefined || namespace === undefined
    ? 'rbac_access_denied_matched_policy[none]'
    : `rbac_access_denied_matched_policy[ns[${namespace}]-policy[${name}]-rule[${action.rule ?? ''}]]`;
}

function clusterName({ reporter, port, service, host }: Action): string | undefined {
  if (port === undefined) return undefined;
  return reporter === 'inbound' ? `inbound|${port}||` : `outbound|${port}||${service ?? host ?? ''}`;
}

function endpoint(address: string | undefined, port: number | undefined): string | undefined {
  if (address === undefined) return undefined;
  const host = address.includes(':') ? `[${address}]` : address;
  return port === undefined ? host : `${host}:${port}`;
}
