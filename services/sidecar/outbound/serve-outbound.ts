import { Timestamp } from '#proto/attributes/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import { addDestination, addRequest, outboundAttributes, rememberedPer } from '../attributes.ts';
import { cleanRequest, cleanResponse, withCleanTrailers } from '../http/clean-headers.ts';
import { type RequestHead, type ResponseHead, firstOf, isGrpc, requestBytes, responseBytes } from '../http/message.ts';
import type { Exchange, Handle, Transfer } from '../http/port.ts';
import { refuseRequest } from '../http/refuse-request.ts';
import { answerFailed, closing } from '../inbound/answer-denied.ts';
import type { Limits } from '../limits.ts';
import { addOutcome, reportBag } from '../report/outcome.ts';
import type { Reporter } from '../report/reporter.ts';
import type { SidecarCounts } from '../sidecar-counts.ts';
import { type ResponseFlag, UpstreamFailure } from '../upstream-failure.ts';
import type { OwnWorkload } from '../workload.ts';
import { WrongServer } from './connect-named.ts';
import { type FindRoute, type Route, type RouteEndpoint, splitHost } from './route.ts';
import { type Delivery, sendToService } from './send-to-service.ts';

export interface OutboundServing extends Delivery {
  readonly workload: OwnWorkload;
  readonly identity: IdentitySource;
  readonly findRoute: FindRoute;
  readonly reporter: Reporter;
  readonly counts: SidecarCounts;
  readonly clock: Clock;
  readonly limits: Limits;
  readonly newId: () => string;
}

interface Course {
  readonly head: ResponseHead;
  readonly transfer: Transfer;
  readonly flag?: ResponseFlag | undefined;
  readonly grpcStatus?: string | undefined;
}

/** One request of the application: its Host is looked up in the service documents and it goes there under our identity. */
export function serveOutbound(serving: OutboundServing): Handle {
  const attributesOf = rememberedPer((connection) => {
    const { workload, identity, clock } = serving;
    return outboundAttributes({ connection, workload, now: clock.now(), identity: identity.current().spiffeId });
  });
  return async (exchange) => {
    const { clock } = serving;
    const started = clock.monotonicMs();
    const now = clock.now();
    const head = withRequestId(cleanRequest(exchange.head), serving.newId);
    const attributes = new Map(attributesOf(exchange.connection));
    attributes.set('context.time', Timestamp.fromDate(now));
    addRequest(attributes, head, now);
    const course = await deliver(serving, exchange, head, (route, endpoint) =>
      addDestination(attributes, route, endpoint),
    );
    const outcome = {
      head: course.head,
      flag: course.flag,
      grpcStatus: course.grpcStatus,
      requestBody: exchange.received(),
      requestTotal: requestBytes(head) + exchange.received(),
      responseBody: course.transfer.sent,
      responseTotal: responseBytes(course.head) + course.transfer.sent,
      durationMs: clock.monotonicMs() - started,
    };
    addOutcome(attributes, outcome, clock.now());
    serving.reporter.add(reportBag(attributes));
  };
}

async function deliver(
  serving: OutboundServing,
  exchange: Exchange,
  head: RequestHead,
  onDestination: (route: Route, endpoint: RouteEndpoint | undefined) => void,
): Promise<Course> {
  const refusal = refuseRequest(exchange.head, serving.limits.headerLines);
  if (refusal !== undefined) return fail(exchange, head, refusal.status, refusal.reason, 'DPE', true);
  const written = firstOf(head.fields, 'host');
  if (written === undefined) return fail(exchange, head, 400, 'a Host is needed to know whom the request is for', 'NR');
  const { host, port } = splitHost(written);
  const route = serving.findRoute(host, port);
  if (route === undefined) {
    const remedy = 'write a ServiceEntry with this host and port, or correct the Host';
    return fail(exchange, head, 502, `no service document names \`${written}\`; ${remedy}`, 'NR');
  }
  onDestination(route, undefined);
  try {
    const request = {
      head,
      body: exchange.body && withCleanTrailers(exchange.body, 'client'),
      upgrade: exchange.upgrade,
      signal: exchange.gone,
      onInform: (interim: ResponseHead) => exchange.inform(cleanResponse(interim, 'sidecar')),
    };
    const protocol = head.version === '2' ? 'h2' : 'http/1.1';
    const reply = await sendToService(serving, route, protocol, request, (endpoint) => onDestination(route, endpoint));
    if (reply.kind === 'switched') {
      return { head: reply.head, transfer: await exchange.switchProtocols(reply.head, reply.stream) };
    }
    const answer = cleanResponse(reply.head, route.external ? 'service' : 'sidecar');
    const transfer = await exchange.answer(answer, reply.body);
    const flag = transfer.complete ? undefined : exchange.gone.aborted ? 'DC' : 'UC';
    const status = firstOf(answer.fields, 'grpc-status') ?? firstOf(reply.body?.trailers() ?? [], 'grpc-status');
    return { head: answer, transfer, flag, grpcStatus: isGrpc(head) ? status : undefined };
  } catch (error) {
    const flag = error instanceof UpstreamFailure ? error.flag : 'LR';
    serving.counts.upstreamFailed('outbound', flag, error);
    return fail(exchange, head, statusOf(error, flag), `\`${written}\`: ${messageOf(error)}`, flag);
  }
}

/** 503 where nobody was there, so that trying again may help; 502 where somebody was, and wrong. */
function statusOf(error: unknown, flag: ResponseFlag): number {
  return !(error instanceof WrongServer) && (flag === 'UF' || flag === 'UH') ? 503 : 502;
}

function messageOf(error: unknown): string {
  return error instanceof UpstreamFailure ? error.message : 'the request could not be passed on';
}

async function fail(
  exchange: Exchange,
  head: RequestHead,
  status: number,
  text: string,
  flag: ResponseFlag,
  last = false,
): Promise<Course> {
  const answer = answerFailed(head, status, text);
  const own = last && head.version !== '2' ? closing(answer) : answer;
  return { head: own.head, transfer: await exchange.answer(own.head, own.body), flag };
}

function withRequestId(head: RequestHead, newId: () => string): RequestHead {
  if (firstOf(head.fields, 'x-request-id') !== undefined) return head;
  return { ...head, fields: [...head.fields, 'x-request-id', newId()] };
}
