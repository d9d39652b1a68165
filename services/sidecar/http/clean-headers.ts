import { type Fields, type RequestHead, type ResponseHead, keepFields, listOf, valuesOf } from './message.ts';
import type { Body } from './port.ts';
import { readAbsolute } from './refuse-request.ts';

/** RFC 9110 §7.6.1: these speak of one connection, not of the message. */
const hopByHop = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'proxy-authenticate',
  'proxy-authorization',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'te',
]);

/** What only a sidecar says of a request. From outside it is a claim, and a claim is dropped before anything reads it. */
const claims = /^(x[-_]istio[-_]attributes|x[-_]envoy[-_].*|x[-_]garrison[-_].*|x[-_]forwarded[-_]client[-_]cert)$/;

export function isClaim(lowerName: string): boolean {
  return claims.test(lowerName);
}

/**
 * The request as the service will see it, which is also what rules are asked about: what is cut here
 * cannot satisfy a rule. Expects a head that refuseRequest let through.
 */
export function cleanRequest(head: RequestHead): RequestHead {
  const named = new Set(listOf(head.fields, 'connection'));
  const fields = keepFields(head.fields, (name) => !hopByHop.has(name) && !isClaim(name) && !named.has(name));
  // RFC 9110 §10.1.4: the one member of TE that says something about the next hop too.
  if (listOf(head.fields, 'te').includes('trailers')) fields.push('te', 'trailers');
  return { ...head, target: readAbsolute(head.target)?.path ?? head.target, fields };
}

/** The answer as it goes on. What only a sidecar may say is dropped from a service's answer and kept in a sidecar's. */
export function cleanResponse(head: ResponseHead, source: 'service' | 'sidecar'): ResponseHead {
  const named = new Set(listOf(head.fields, 'connection'));
  return {
    ...head,
    fields: keepFields(
      head.fields,
      (name) => !hopByHop.has(name) && !named.has(name) && !(source === 'service' && isSidecarAnswer(name)),
    ),
  };
}

function isSidecarAnswer(lowerName: string): boolean {
  return lowerName.startsWith('x-garrison-');
}

/** RFC 9110 §6.5.1: what says how a message is framed, routed or authenticated has no business behind it. */
const notTrailing =
  /^(host|content-length|content-type|content-encoding|content-range|trailer|authorization|cookie|set-cookie|expect|range|forwarded|x-forwarded-.*|x-real-ip|x-request-id|x-http-method(-override)?|x-method-override|x-original-url|x-rewrite-url|:.*)$/;

/**
 * Trailer lines on their way: some readers merge them into the headers, after every rule has been asked, and fold `_` into `-`
 * as for those. `dropped` tells further names that do not pass.
 */
export function cleanTrailers(
  fields: Fields,
  source: 'client' | 'service' | 'sidecar',
  dropped?: (lowerName: string) => boolean,
): Fields {
  if (fields.length === 0) return fields;
  return keepFields(fields, (name) => {
    const dashed = name.replaceAll('_', '-');
    return (
      !hopByHop.has(dashed) &&
      !notTrailing.test(dashed) &&
      !(source === 'client' && isClaim(name)) &&
      !(source === 'service' && isSidecarAnswer(name)) &&
      dropped?.(name) !== true
    );
  });
}

/** A body whose trailers are cleaned when they come. */
export function withCleanTrailers(
  body: Body,
  source: 'client' | 'service' | 'sidecar',
  dropped?: (lowerName: string) => boolean,
): Body {
  return { ...body, trailers: () => cleanTrailers(body.trailers(), source, dropped) };
}

/** Replaces a header by one line, or adds it. */
export function setField(fields: Fields, name: string, value: string): string[] {
  const lowerName = name.toLowerCase();
  return [...keepFields(fields, (other) => other !== lowerName), name, value];
}

/** X-Forwarded-For with one more hop at its right end, in one line. */
export function appendForwarded(fields: Fields, address: string): string[] {
  return setField(fields, 'x-forwarded-for', [...valuesOf(fields, 'x-forwarded-for'), address].join(', '));
}
