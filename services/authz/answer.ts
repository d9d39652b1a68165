import { encodeReferences, writeDecision } from '#proto/attributes/index.ts';
import type { Reference } from '#proto/attributes/index.ts';
import { denialStatus, grpcStatus } from '#proto/errors/index.ts';
import type { Decision } from '#proto/gen/garrison/v1/decision.ts';
import type {
  CheckRequest,
  CheckResponse,
  CheckResponse_QuotaResult as QuotaResult,
  RouteDirective,
} from '#proto/gen/istio/mixer/v1/mixer.ts';

const decisionType = 'type.googleapis.com/garrison.v1.Decision';

/** How an answer may be kept. A client without a time limit keeps it for ever, so there always is one. */
export interface Validity {
  readonly ms: number;
  readonly uses: number;
}

/**
 * Half a second, so that with clients that know nothing of revisions a change of policy is in force everywhere in under
 * one. Those that follow Revisions.Watch drop older answers at once.
 */
export const decided: Validity = { ms: 500, uses: 10_000 };
/** For an answer that is no decision but a failure to decide: the next call may do better. */
export const once: Validity = { ms: 0, uses: 0 };

export interface Answer {
  readonly decision: Decision;
  readonly references: readonly Reference[];
  readonly validity: Validity;
  /** What is to be done to the request before the application sees it, and to the answer. */
  readonly directive: RouteDirective | undefined;
}

export function answer(request: CheckRequest, { decision, references, validity, directive }: Answer): CheckResponse {
  const allowed = decision.effect === 'allow';
  return {
    precondition: {
      status: {
        code: allowed ? grpcStatus.OK : denialStatus(decision.httpStatus),
        message: allowed ? '' : decision.reason,
        details: [{ typeUrl: decisionType, value: writeDecision(decision) }],
      },
      validDuration: { seconds: BigInt(Math.trunc(validity.ms / 1000)), nanos: (validity.ms % 1000) * 1_000_000 },
      validUseCount: validity.uses,
      referencedAttributes: encodeReferences(references, request.globalWordCount),
      routeDirective: directive,
    },
    // As in Mixer, quotas are answered only when the precondition holds.
    quotas: allowed ? answerQuotas(request) : noQuotas,
  };
}

const noQuotas = new Map<string, QuotaResult>();

/**
 * No document can define a quota yet, so every name is one that nobody knows. Mixer granted an unknown quota in full for a
 * minute, which turns a misspelt name into no limit at all; here it is refused, and says so.
 */
function answerQuotas(request: CheckRequest): Map<string, QuotaResult> {
  if (request.quotas.size === 0) return noQuotas;
  const results = new Map<string, QuotaResult>();
  for (const name of request.quotas.keys()) {
    results.set(name, {
      validDuration: { seconds: 0n, nanos: 0 },
      grantedAmount: 0n,
      referencedAttributes: undefined,
      status: {
        code: grpcStatus.UNIMPLEMENTED,
        message: `there is no quota \`${name}\`; nothing is granted`,
        details: [],
      },
    });
  }
  return results;
}
