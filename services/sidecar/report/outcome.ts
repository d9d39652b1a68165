import { Duration, MapBag, Timestamp } from '#proto/attributes/index.ts';
import type { Attributes } from '../attributes.ts';
import type { Decision } from '../decide/decider.ts';
import { type Fields, type ResponseHead, textOf } from '../http/message.ts';
import type { ResponseFlag } from '../upstream-failure.ts';

/** How one request went. */
export interface Outcome {
  /** What the client was answered; undefined when it got no answer. */
  readonly head: ResponseHead | undefined;
  readonly requestBody: number;
  readonly requestTotal: number;
  readonly responseBody: number;
  readonly responseTotal: number;
  readonly durationMs: number;
  readonly flag: ResponseFlag | undefined;
  /** gRPC's own status, from trailers or a head without body. */
  readonly grpcStatus: string | undefined;
}

/** Whoever has one can act as its owner, so they are not what a report is for; that they were there is kept. */
const secrets = new Set(['authorization', 'cookie', 'set-cookie', 'proxy-authorization', 'x-api-key']);

export function addDecision(attributes: Attributes, decision: Decision): void {
  attributes.set('check.error_code', BigInt(decision.code));
  if (decision.effect === 'deny') attributes.set('check.error_message', decision.reason);
  attributes.set('check.cache_hit', false);
  attributes.set('garrison.decision.id', decision.id);
  attributes.set('garrison.decision.effect', decision.effect);
  attributes.set('garrison.decision.policy', decision.policy);
  if (decision.rule !== undefined) attributes.set('garrison.decision.rule', BigInt(decision.rule));
  attributes.set('garrison.decision.revision', decision.revision);
  attributes.set('garrison.decision.reason', decision.reason);
  if (decision.audit.length > 0) attributes.set('garrison.decision.audit', decision.audit.join(','));
  if (decision.shadow.size > 0) attributes.set('garrison.decision.shadow', decision.shadow);
  if (decision.failOpen) attributes.set('garrison.decision.fail_open', true);
}

export function addOutcome(attributes: Attributes, outcome: Outcome, now: Date): void {
  const { head } = outcome;
  attributes.set('request.size', BigInt(outcome.requestBody));
  attributes.set('request.total_size', BigInt(outcome.requestTotal));
  attributes.set('response.code', BigInt(head?.status ?? 0));
  attributes.set('response.size', BigInt(outcome.responseBody));
  attributes.set('response.total_size', BigInt(outcome.responseTotal));
  attributes.set('response.duration', Duration.fromMs(outcome.durationMs));
  attributes.set('response.time', Timestamp.fromDate(now));
  if (head !== undefined) attributes.set('response.headers', headerMap(head.fields));
  if (outcome.grpcStatus !== undefined) attributes.set('response.grpc_status', outcome.grpcStatus);
  if (outcome.flag !== undefined) attributes.set('context.proxy_error_code', outcome.flag);
}

function headerMap(fields: Fields): Map<string, string> {
  const joined = new Map<string, string>();
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    const value = textOf(fields[i + 1] ?? '');
    const before = joined.get(name);
    joined.set(name, before === undefined ? value : `${before},${value}`);
  }
  return joined;
}

/** The bag as it leaves for the collector. The attributes are its from here on. */
export function reportBag(attributes: Attributes): MapBag {
  for (const name of ['request.headers', 'response.headers', 'garrison.request.repeated_headers']) {
    const headers = attributes.get(name);
    if (headers instanceof Map) attributes.set(name, withoutSecrets(headers));
  }
  return new MapBag(attributes);
}

function withoutSecrets(headers: ReadonlyMap<string, string>): ReadonlyMap<string, string> {
  let shown: Map<string, string> | undefined;
  for (const name of secrets) if (headers.has(name)) (shown ??= new Map(headers)).set(name, '(secret)');
  return shown ?? headers;
}
