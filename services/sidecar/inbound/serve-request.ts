import { MapBag, Timestamp } from '#proto/attributes/index.ts';
import { grpcStatus } from '#proto/errors/index.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Clock } from '#runtime/clock.ts';
import { type Attributes, addRequest, connectionAttributes, rememberedPer, setDefined } from '../attributes.ts';
import type { Connection } from '../connection.ts';
import { type Decider, type Decision, ownRefusal } from '../decide/decider.ts';
import { changeHeaders, isChanged } from '../http/change-headers.ts';
import { appendForwarded, cleanRequest, cleanResponse, setField, withCleanTrailers } from '../http/clean-headers.ts';
import { NotHttp2 } from '../http/h2-client.ts';
import {
  type RequestHead,
  type ResponseHead,
  firstOf,
  isGrpc,
  keepFields,
  listOf,
  requestBytes,
  responseBytes,
} from '../http/message.ts';
import type { Body, Exchange, Handle, HttpClientPort, Transfer } from '../http/port.ts';
import { refuseRequest } from '../http/refuse-request.ts';
import { sendAgain } from '../http/send-again.ts';
import type { Limits } from '../limits.ts';
import { addDecision, addOutcome, reportBag } from '../report/outcome.ts';
import type { Reporter } from '../report/reporter.ts';
import type { ReadTarget } from '../revision/active-revision.ts';
import type { SidecarCounts } from '../sidecar-counts.ts';
import { type ResponseFlag, UpstreamFailure } from '../upstream-failure.ts';
import type { OwnWorkload } from '../workload.ts';
import { type OwnAnswer, answerDenied, answerFailed, closing } from './answer-denied.ts';

export interface InboundServing {
  readonly workload: OwnWorkload;
  readonly identity: IdentitySource;
  /** The port the application listens on. */
  readonly port: number;
  readonly decider: Decider;
  readonly reporter: Reporter;
  readonly counts: SidecarCounts;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly newId: () => string;
  readonly revealReasons: boolean;
  /** The application, by the HTTP version it is spoken to in. */
  readonly application: (version: RequestHead['version']) => HttpClientPort;
  /** The service that a Host names, if it is one that this workload serves. */
  readonly serviceOf: (host: string) => string | undefined;
  /** Headers, by name in lower case, that token rules write. */
  readonly isWritten: (name: string) => boolean;
  /** Headers that rules ask about. */
  readonly isAskedAbout: (name: string) => boolean;
  /** The target as rules read it, which is how the application gets it. */
  readonly readTarget: ReadTarget;
}

/** What of one exchange its report is made from. */
interface Course {
  readonly head: ResponseHead | undefined;
  readonly transfer: Transfer | undefined;
  readonly flag: ResponseFlag | undefined;
  readonly grpcStatus: string | undefined;
}

const nothing: Course = { head: undefined, transfer: undefined, flag: undefined, grpcStatus: undefined };

/** One request that came in: read, decided, passed to the application or refused, reported. */
export function serveInbound(serving: InboundServing): Handle {
  const attributesOf = rememberedPer((connection) => {
    const { workload, port, identity, clock } = serving;
    return connectionAttributes({
      connection,
      workload,
      port,
      now: clock.now(),
      identity: identity.current().spiffeId,
    });
  });
  return async (exchange) => {
    const started = serving.clock.monotonicMs();
    const now = serving.clock.now();
    const attributes = new Map(attributesOf(exchange.connection));
    attributes.set('context.time', Timestamp.fromDate(now));
    const head = cleanRequest(exchange.head);
    const read = serving.readTarget(head.method, head.target);
    addRequest(attributes, head, now);
    setDefined(attributes, 'destination.service.host', serving.serviceOf(firstOf(head.fields, 'host') ?? ''));

    const refusal = refuseAtOnce(serving, exchange, now);
    const decision =
      refusal ??
      ('fault' in read
        ? malformed(serving, read.fault)
        : await serving.decider.decide(new MapBag(attributes), exchange.gone));
    // Who can read a report must not be able to be who sent the token.
    if (decision.path !== undefined) attributes.set('request.path', decision.path);
    addDecision(attributes, decision);
    serving.counts.decided('inbound', decision.effect);
    const course = exchange.gone.aborted
      ? { ...nothing, flag: 'DC' as const }
      : await carryOut(serving, exchange, { ...head, ...read }, decision, refusal !== undefined);
    report(serving, attributes, exchange, course, started);
  };
}

/** As the authorization service says it; it is not asked about what could not be passed on anyway. */
function malformed(serving: InboundServing, fault: string): Decision {
  return ownRefusal(serving.newId(), 400, grpcStatus.INVALID_ARGUMENT, `malformed request: ${fault}`);
}

/** What needs no policy to be refused. */
function refuseAtOnce(serving: InboundServing, exchange: Exchange, now: Date): Decision | undefined {
  const refusal = refuseRequest(exchange.head, serving.limits.headerLines);
  if (refusal !== undefined) {
    return ownRefusal(serving.newId(), refusal.status, grpcStatus.INVALID_ARGUMENT, refusal.reason);
  }
  return expiredPeer(exchange.connection, now)
    ? ownRefusal(
        serving.newId(),
        403,
        grpcStatus.UNAUTHENTICATED,
        'the client certificate of this connection has expired',
      )
    : undefined;
}

/** A connection outlives handshakes; what was proven in one does not outlive its certificate. */
function expiredPeer({ peerExpires }: Connection, now: Date): boolean {
  return peerExpires !== undefined && now.getTime() > peerExpires;
}

async function carryOut(
  serving: InboundServing,
  exchange: Exchange,
  head: RequestHead,
  decision: Decision,
  last: boolean,
): Promise<Course> {
  if (decision.effect === 'deny') {
    const own = answerDenied(head, decision, serving.revealReasons);
    // What could not be read in one way only leaves a connection on which the next request may start anywhere.
    return answerOwn(exchange, last && head.version !== '2' ? closing(own) : own);
  }
  if (decision.direct !== undefined) {
    const { status, body } = decision.direct;
    const fields = ['content-type', 'text/plain', 'content-length', String(Buffer.byteLength(body))];
    const answer = { status, reason: '', fields: [...changeHeaders(fields, decision.responseChanges)] };
    return answerOwn(exchange, { head: answer, body });
  }
  return forward(serving, exchange, head, decision);
}

async function forward(
  serving: InboundServing,
  exchange: Exchange,
  head: RequestHead,
  decision: Decision,
): Promise<Course> {
  try {
    const { path, requestChanges } = decision;
    const fields = changeHeaders(fieldsForApplication(serving, exchange, head), requestChanges);
    const dropped = (name: string): boolean =>
      listOf(exchange.head.fields, 'connection').includes(name) ||
      serving.isAskedAbout(name) ||
      serving.isWritten(name) ||
      isChanged(requestChanges, name);
    const reply = await sendAgain(serving.application(head.version), {
      head: { ...head, target: path ?? head.target, fields },
      body: exchange.body && withCleanTrailers(exchange.body, 'client', dropped),
      upgrade: exchange.upgrade,
      signal: exchange.gone,
      onInform: (interim) => exchange.inform(cleanResponse(interim, 'service')),
    });
    if (reply.kind === 'switched') {
      return { ...nothing, head: reply.head, transfer: await exchange.switchProtocols(reply.head, reply.stream) };
    }
    const cleaned = cleanResponse(reply.head, 'service');
    const answer = { ...cleaned, fields: changeHeaders(cleaned.fields, decision.responseChanges) };
    const transfer = await exchange.answer(answer, reply.body && withCleanTrailers(reply.body, 'service'));
    const flag = transfer.complete ? undefined : exchange.gone.aborted ? 'DC' : 'UC';
    return { head: answer, transfer, flag, grpcStatus: grpcStatusOf(head, reply.head, reply.body) };
  } catch (error) {
    return failed(serving, exchange, head, error);
  }
}

async function failed(serving: InboundServing, exchange: Exchange, head: RequestHead, error: unknown): Promise<Course> {
  const flag = error instanceof UpstreamFailure ? error.flag : 'LR';
  serving.counts.upstreamFailed('inbound', flag, error);
  if (exchange.gone.aborted) return { ...nothing, flag: 'DC' };
  const unreachable = flag === 'UF';
  const text = unreachable
    ? 'the service behind this sidecar does not answer'
    : error instanceof NotHttp2
      ? 'the service behind this sidecar does not speak HTTP/2'
      : 'the service behind this sidecar broke off';
  return { ...(await answerOwn(exchange, answerFailed(head, unreachable ? 503 : 502, text))), flag };
}

function fieldsForApplication(serving: InboundServing, exchange: Exchange, head: RequestHead): string[] {
  const { connection } = exchange;
  let fields = keepFields(head.fields, (name) => !serving.isWritten(name));
  if (firstOf(fields, 'x-request-id') === undefined) fields.push('x-request-id', serving.newId());
  // As upstream: the door of the mesh adds the hop, sidecars behind it are part of the workload and add none.
  if (serving.workload.gateway) fields = appendForwarded(fields, clientAddress(connection));
  if (connection.peer === undefined) return fields;
  const by = serving.identity.current().spiffeId.toString();
  const who = `By=${by};Hash=${connection.fingerprint ?? ''};URI=${connection.peer.toString()}`;
  return setField(fields, 'x-forwarded-client-cert', who);
}

/** What a proxy does not know cannot be passed on as an address (RFC 7239 §6.2 has the same word). */
function clientAddress({ proxied, remote }: Connection): string {
  return proxied === undefined ? remote.address : (proxied.source?.address ?? 'unknown');
}

async function answerOwn(exchange: Exchange, { head, body }: OwnAnswer): Promise<Course> {
  const transfer = await exchange.answer(head, body);
  return { ...nothing, head, transfer, grpcStatus: firstOf(head.fields, 'grpc-status') };
}

function grpcStatusOf(request: RequestHead, head: ResponseHead, body: Body | undefined): string | undefined {
  if (!isGrpc(request)) return undefined;
  return firstOf(head.fields, 'grpc-status') ?? firstOf(body?.trailers() ?? [], 'grpc-status');
}

function report(
  { reporter, clock }: InboundServing,
  attributes: Attributes,
  exchange: Exchange,
  { head, transfer, flag, grpcStatus: status }: Course,
  started: number,
): void {
  const requestBody = exchange.received();
  const responseBody = transfer?.sent ?? 0;
  const outcome = {
    head,
    flag,
    requestBody,
    responseBody,
    grpcStatus: status,
    requestTotal: requestBytes(exchange.head) + requestBody,
    responseTotal: head === undefined ? 0 : responseBytes(head) + responseBody,
    durationMs: clock.monotonicMs() - started,
  };
  addOutcome(attributes, outcome, clock.now());
  reporter.add(reportBag(attributes));
}
