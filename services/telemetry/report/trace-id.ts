import type { StringMap } from '#proto/attributes/index.ts';

const traceparent = /^[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}/;
const b3 = /^([0-9a-f]{16}|[0-9a-f]{32})(?:-|$)/i;
const noTrace = /^0+$/;

/** The trace that a request belongs to: W3C Trace Context first, then B3 in both its forms. */
export function traceId(headers: StringMap): string | undefined {
  const id =
    match(traceparent, headers.get('traceparent')) ??
    match(b3, headers.get('x-b3-traceid')) ??
    match(b3, headers.get('b3'));
  // An all-zero id is no id (Trace Context §3.2.2.3).
  return id === undefined || noTrace.test(id) ? undefined : id.toLowerCase();
}

function match(pattern: RegExp, value: string | undefined): string | undefined {
  return value === undefined ? undefined : (pattern.exec(value)?.[1] ?? undefined);
}
