import type { Verdict } from '#policies/index.ts';
import { HeaderOperation_Operation as Operation } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { HeaderOperation, RouteDirective } from '#proto/gen/istio/mixer/v1/mixer.ts';

/**
 * What a verdict changes: headers that the application must or must not receive, the path without a token in it, the
 * challenge of a 401. The workload must apply it: a header that rules write claims into is removed from every request,
 * and who leaves it there believes a stranger's claims.
 */
export function directiveOf({ upstream, challenge }: Verdict): RouteDirective | undefined {
  const request: HeaderOperation[] = [];
  for (const [name, value] of upstream?.headers ?? []) {
    request.push({ name, value: value ?? '', operation: value === undefined ? Operation.REMOVE : Operation.REPLACE });
  }
  if (upstream?.path !== undefined) request.push(replace(':path', upstream.path));
  const response = challenge === undefined ? [] : [replace('www-authenticate', challenge)];
  if (request.length === 0 && response.length === 0) return undefined;
  return {
    requestHeaderOperations: request,
    responseHeaderOperations: response,
    directResponseCode: 0,
    directResponseBody: '',
  };
}

function replace(name: string, value: string): HeaderOperation {
  return { name, value, operation: Operation.REPLACE };
}
