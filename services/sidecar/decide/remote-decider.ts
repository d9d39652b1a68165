import { encodeAttributes } from '#proto/attributes/index.ts';
import { grpcStatus } from '#proto/errors/index.ts';
import { Decision as DecisionDetail } from '#proto/gen/garrison/v1/decision.ts';
import {
  type CheckRequest,
  type CheckResponse,
  HeaderOperation_Operation as Operation,
  type HeaderOperation,
} from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Decision, HeaderChange } from './decider.ts';
import type { FallibleDecider } from './fail-policy.ts';

/** One call of Mixer.Check; rejects when there is no answer. */
export type CheckCall = (request: CheckRequest, signal: AbortSignal) => Promise<CheckResponse>;

const detailType = /(^|\/)garrison\.v1\.Decision$/;

/** Asks the authorization service about every request. */
export function remoteDecider(check: CheckCall, newId: () => string): FallibleDecider {
  return {
    ask: async (bag, signal) => {
      const attributes = encodeAttributes(bag);
      const response = await check(
        { attributes, globalWordCount: 0, deduplicationId: newId(), quotas: new Map() },
        signal,
      );
      return readAnswer(response);
    },
  };
}

/** An answer allows only where everything in it does; one that cannot be read allows nothing. */
export function readAnswer(response: CheckResponse): Decision {
  const { precondition } = response;
  const any = precondition?.status?.details.find(({ typeUrl }) => detailType.test(typeUrl));
  if (precondition === undefined || any === undefined) throw new Error('its answer carries no decision');
  const detail = DecisionDetail.decode(any.value);
  const code = precondition.status?.code ?? grpcStatus.OK;
  const allowed = code === grpcStatus.OK && detail.effect === 'allow';
  const directive = precondition.routeDirective;
  const direct = directive?.directResponseCode ?? 0;
  return {
    id: detail.id,
    effect: allowed ? 'allow' : 'deny',
    status: allowed ? 200 : denialStatus(direct, detail.httpStatus),
    code: allowed || code !== grpcStatus.OK ? code : grpcStatus.PERMISSION_DENIED,
    policy: detail.policy,
    rule: detail.rule,
    revision: detail.revision,
    reason: detail.reason,
    audit: detail.audit,
    shadow: shadowOf(detail),
    failOpen: false,
    path: pathOf(directive?.requestHeaderOperations ?? []),
    requestChanges: changesOf((directive?.requestHeaderOperations ?? []).filter(({ name }) => name !== ':path')),
    responseChanges: changesOf(directive?.responseHeaderOperations ?? []),
    direct: direct === 0 ? undefined : { status: direct, body: directive?.directResponseBody ?? '' },
  };
}

function shadowOf({ shadowAllow, shadowDeny }: DecisionDetail): Decision['shadow'] {
  const shadow = new Map<'allow' | 'deny', string>();
  if (shadowAllow !== '') shadow.set('allow', shadowAllow);
  if (shadowDeny !== '') shadow.set('deny', shadowDeny);
  return shadow;
}

/**
 * A refusal is never answered with a success, whatever number stands in it. Whoever answers in the service's place may
 * send the caller elsewhere, to log in; 304 would tell it to use what it has.
 */
function denialStatus(direct: number, status: number): number {
  if (direct >= 300 && direct <= 399 && direct !== 304) return direct;
  const said = direct === 0 ? status : direct;
  return said >= 400 && said <= 599 ? said : 403;
}

/** The one pseudo-header that an answer may change: a token in the query is taken out of it. */
function pathOf(operations: readonly HeaderOperation[]): string | undefined {
  const [change, ...others] = operations.filter(({ name }) => name === ':path');
  if (change === undefined) return undefined;
  // RFC 9112 §3.2.1: origin-form, and ASCII without spaces or a fragment, as a request must have it that comes in.
  if (others.length > 0 || change.operation !== Operation.REPLACE || !/^\/[\x21\x22\x24-\x7e]*$/.test(change.value)) {
    throw new Error('its answer changes the path to something that is none');
  }
  return change.value;
}

function changesOf(operations: readonly HeaderOperation[]): HeaderChange[] {
  return operations.map(({ operation, name, value }) => {
    // RFC 9110 §5: what is no header line would become two of them.
    // eslint-disable-next-line no-control-regex -- finding control characters is what it is for
    if (!/^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/.test(name) || /[\x00-\x08\x0a-\x1f\x7f]/.test(value)) {
      throw new Error('its answer changes a header to something that is none');
    }
    return { operation: operationName(operation), name, value };
  });
}

function operationName(operation: HeaderOperation['operation']): HeaderChange['operation'] {
  switch (operation) {
    case Operation.REPLACE:
      return 'replace';
    case Operation.APPEND:
      return 'append';
    case Operation.REMOVE:
      return 'remove';
    case Operation.UNRECOGNIZED:
      throw new Error('its answer changes a header in a way that is not known');
    default:
      return operation satisfies never;
  }
}
