import type { AttributeBag } from '#proto/attributes/index.ts';
import { withoutSecrets } from './credentials.ts';
import { readParty } from './party.ts';
import type { Party } from './party.ts';
import { durationOf, mapOf, numberOf, textOf, timeOf } from './read-attribute.ts';
import { traceId } from './trace-id.ts';

export type Effect = 'allow' | 'deny' | 'unknown';
export type ReporterKind = 'inbound' | 'outbound';

/** One reported action, read once from its bag; audit, metrics and access log all start from it. */
export interface Action {
  readonly time: number | undefined;
  readonly reporter: ReporterKind;
  readonly source: Party;
  readonly destination: Party;
  readonly service: string | undefined;
  readonly port: number | undefined;
  readonly protocol: string | undefined;
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly requestId: string | undefined;
  readonly trace: string | undefined;
  readonly code: number | undefined;
  readonly grpcStatus: string | undefined;
  readonly flags: string | undefined;
  readonly durationMs: number | undefined;
  readonly requestBytes: number | undefined;
  readonly responseBytes: number | undefined;
  readonly mtls: boolean;
  readonly decision: string | undefined;
  readonly effect: Effect;
  readonly policy: string | undefined;
  readonly rule: number | undefined;
  readonly revision: number | undefined;
  readonly reason: string | undefined;
  readonly failOpen: boolean;
}

export function readAction(bag: AttributeBag): Action {
  const headers = mapOf(bag, 'request.headers');
  const path = textOf(bag, 'request.path');
  return {
    time: timeOf(bag, 'request.time') ?? timeOf(bag, 'context.time'),
    // Mixer read a missing reporter kind as inbound.
    reporter: textOf(bag, 'context.reporter.kind') === 'outbound' ? 'outbound' : 'inbound',
    source: readParty(bag, 'source'),
    destination: readParty(bag, 'destination'),
    service: textOf(bag, 'destination.service.host'),
    port: numberOf(bag, 'destination.port'),
    protocol: textOf(bag, 'context.protocol'),
    method: textOf(bag, 'request.method'),
    path: path === undefined ? undefined : withoutSecrets(path),
    host: textOf(bag, 'request.host'),
    requestId: textOf(bag, 'request.id') ?? headers?.get('x-request-id'),
    trace: headers === undefined ? undefined : traceId(headers),
    code: numberOf(bag, 'response.code'),
    grpcStatus: textOf(bag, 'response.grpc_status'),
    flags: textOf(bag, 'context.proxy_error_code'),
    durationMs: durationOf(bag, 'response.duration'),
    requestBytes: numberOf(bag, 'request.total_size') ?? numberOf(bag, 'request.size'),
    responseBytes: numberOf(bag, 'response.total_size') ?? numberOf(bag, 'response.size'),
    mtls: bag.get('connection.mtls') === true,
    decision: textOf(bag, 'garrison.decision.id'),
    effect: effectOf(bag),
    policy: textOf(bag, 'garrison.decision.policy'),
    rule: numberOf(bag, 'garrison.decision.rule'),
    revision: numberOf(bag, 'garrison.decision.revision'),
    reason: textOf(bag, 'garrison.decision.reason'),
    failOpen: bag.get('garrison.decision.fail_open') === true,
  };
}

/** What the decision said; from a client that knows only Mixer's words, what its check answered. */
function effectOf(bag: AttributeBag): Effect {
  const said = bag.get('garrison.decision.effect');
  if (said === 'allow' || said === 'deny') return said;
  const code = bag.get('check.error_code');
  if (typeof code !== 'bigint') return 'unknown';
  return code === 0n ? 'allow' : 'deny';
}
