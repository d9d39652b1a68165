import { grpcStatus } from '#proto/errors/index.ts';
import type { Decision } from '../decide/decider.ts';
import { changeHeaders } from '../http/change-headers.ts';
import { cleanResponse } from '../http/clean-headers.ts';
import { type Fields, type RequestHead, type ResponseHead, firstOf, isGrpc, keepFields } from '../http/message.ts';

export interface OwnAnswer {
  readonly head: ResponseHead;
  readonly body: string;
}

/** What upstream says, and what people search for. */
const denied = 'RBAC: access denied';

/** As long as a line that every gRPC client takes may be, whatever its octets become when they are escaped. */
const messageChars = 512;

/**
 * The answer in the service's place: that of the provider that refused, as Envoy's ext_authz gives it, or ours.
 * Policy and rule are told only where `revealReasons` lets this sidecar's callers know.
 */
export function answerDenied(request: RequestHead, decision: Decision, revealReasons: boolean): OwnAnswer {
  const told = ['x-garrison-decision', decision.id, ...(revealReasons ? reasons(decision) : [])];
  const body = decision.direct?.body ?? bodyOf(decision);
  const given = givenFields(decision);
  if (isGrpc(request)) {
    const message = body === '' ? denied : body.slice(0, messageChars).toWellFormed();
    const more = keepFields(given, (name) => name !== 'content-type' && !name.startsWith('grpc-'));
    return { head: grpcHead(decision.code, message, [...more, ...told]), body: '' };
  }
  const typed = body === '' || firstOf(given, 'content-type') !== undefined;
  const challenged = firstOf(given, 'www-authenticate') !== undefined || decision.direct !== undefined;
  const fields = [
    ...(typed ? [] : ['content-type', 'text/plain']),
    ...['content-length', String(Buffer.byteLength(body))],
    ...(decision.status === 401 && !challenged ? ['www-authenticate', 'Bearer error="invalid_token"'] : []),
    ...given,
    ...told,
  ];
  return { head: { status: decision.status, reason: '', fields }, body };
}

/** What the decision puts on the answer; never what frames it, nor what only a sidecar says. */
function givenFields({ responseChanges }: Decision): Fields {
  const head = { status: 0, reason: '', fields: changeHeaders([], responseChanges) };
  return cleanResponse(head, 'service').fields;
}

/** An answer of the sidecar that is no decision: something behind it failed. */
export function answerFailed(request: RequestHead, status: number, text: string): OwnAnswer {
  if (isGrpc(request)) return { head: grpcHead(grpcStatus.UNAVAILABLE, text, []), body: '' };
  const fields = ['content-type', 'text/plain', 'content-length', String(Buffer.byteLength(text))];
  return { head: { status, reason: '', fields }, body: text };
}

/** The last answer of its connection, on which the next request could start anywhere. */
export function closing(own: OwnAnswer): OwnAnswer {
  return { ...own, head: { ...own.head, fields: [...own.head.fields, 'connection', 'close'] } };
}

/** A message that is over with its head, which gRPC calls Trailers-Only. */
function grpcHead(code: number, message: string, more: readonly string[]): ResponseHead {
  const fields = ['content-type', 'application/grpc', 'grpc-status', String(code), 'grpc-message', percent(message)];
  return { status: 200, reason: '', fields: [...fields, ...more] };
}

function bodyOf({ status, reason, policy, revision }: Decision): string {
  if (status === 503) return 'the request could not be authorized, try again';
  // A refusal of the sidecar's own, before any policy was asked: nothing is given away by saying why.
  if (status === 400 && policy === 'none' && revision === 0n) return `bad request: ${reason}`;
  return denied;
}

function reasons({ policy, rule, revision, reason }: Decision): string[] {
  return [
    ...['x-garrison-policy', policy, 'x-garrison-revision', String(revision)],
    ...(rule === undefined ? [] : ['x-garrison-rule', String(rule)]),
    ...['x-garrison-reason', percent(reason)],
  ];
}

/** gRPC over HTTP/2, `Percent-Encoded`: printable ASCII but `%`. It suits any header value. */
function percent(text: string): string {
  return encodeURIComponent(text).replace(
    /%(20|21|22|23|24|26|27|28|29|2A|2B|2C|2F|3A|3B|3C|3D|3E|3F|40|5B|5C|5D|5E|60|7B|7C|7D)/g,
    (code) => decodeURIComponent(code),
  );
}
