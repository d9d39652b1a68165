import { grpcStatus } from '#proto/errors/index.ts';
import type { CheckResponse, DeniedHttpResponse } from '#proto/gen/envoy/service/auth/v3/external_auth.ts';
import { requestChanges, responseChanges } from './header-changes.ts';
import { noAnswer } from './reply.ts';
import type { Outcome, Question } from './reply.ts';

/** Reads what a provider said. What says two things, or changes what it must not, is no answer. */
export function readGrpcAnswer({ status, httpResponse }: CheckResponse, question: Question): Outcome {
  // An empty message decodes without complaint: it must not be taken for a status OK.
  if (status === undefined) return noAnswer('its answer has no status');
  if (httpResponse?.$case === 'errorResponse') return noAnswer('it answered that it failed');
  if (status.code !== grpcStatus.OK) {
    return refusal(httpResponse?.$case === 'deniedResponse' ? httpResponse.value : undefined);
  }
  if (httpResponse?.$case === 'deniedResponse') return noAnswer('its answer both allows and denies');
  const ok = httpResponse?.value;
  if (ok === undefined) return { effect: 'allow', request: [], response: [] };
  if (ok.queryParametersToSet.length > 0 || ok.queryParametersToRemove.length > 0) {
    return noAnswer('its answer changes the query, which is not supported');
  }
  const request = requestChanges(ok.headers, ok.headersToRemove, (name) => question.headers.has(name));
  const response = responseChanges(ok.responseHeadersToAdd);
  if (request === undefined || response === undefined) return noAnswer('its answer changes headers that it must not');
  return { effect: 'allow', request, response };
}

/** A header that it must not set, or that is none, is left out alone: it refuses all the same, in its own words. */
function refusal(denied: DeniedHttpResponse | undefined): Outcome {
  const response = (denied?.headers ?? []).flatMap((option) => responseChanges([option]) ?? []);
  return { effect: 'deny', status: refusalStatus(denied?.status?.code ?? 0), response, body: denied?.body ?? '' };
}

/** A refusal is a redirect or an error, whatever number stands in the answer. */
export function refusalStatus(status: number): number {
  return status >= 300 && status <= 599 && status !== 304 ? status : 403;
}
