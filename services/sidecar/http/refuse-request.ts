import { type Fields, type RequestHead, listOf, valuesOf } from './message.ts';

export interface Refusal {
  readonly status: 400 | 405 | 431 | 501 | 505;
  readonly reason: string;
}

/** RFC 9110 §5.6.2. */
const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
/** Values may hold anything visible, spaces, tabs and bytes above ASCII (RFC 9110 §5.5). */
// eslint-disable-next-line no-control-regex -- finding control characters is what it is for
const controls = /[\x00-\x08\x0a-\x1f\x7f]/;
/** RFC 3986 §3.2 without user information: what a Host line can say in one way only. */
const authority = /^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._~!$&'()*+,;=%-]*)(:[0-9]{0,5})?$/;

/** Headers whose removal by a `Connection` line would change how the message, or whose it is, is read. */
const notHopByHop =
  /^(host|content-length|transfer-encoding|authorization|cookie|content-type|x-forwarded-.*|x-garrison-.*|:.*)$/;

const versions: ReadonlySet<string> = new Set(['1.0', '1.1', '2']);

/** What two readers could take for two different requests is answered with an error and never forwarded. */
export function refuseRequest(head: RequestHead, maxLines: number): Refusal | undefined {
  if (!versions.has(head.version)) return { status: 505, reason: `HTTP/${head.version} is not spoken here` };
  if (head.method === 'CONNECT') return { status: 405, reason: 'CONNECT is not served' };
  if (!token.test(head.method)) return bad('the method is no token');
  if (head.fields.length > maxLines * 2) return { status: 431, reason: `more than ${maxLines} header lines` };
  return fieldFault(head.fields) ?? hostFault(head) ?? targetFault(head) ?? framingFault(head) ?? hopFault(head.fields);
}

function bad(reason: string): Refusal {
  return { status: 400, reason };
}

function fieldFault(fields: Fields): Refusal | undefined {
  for (let i = 0; i + 1 < fields.length; i += 2) {
    if (!token.test(fields[i] ?? '')) return bad('a header name is no token');
    if (controls.test(fields[i + 1] ?? '')) return bad('a header value holds a control character');
  }
  return undefined;
}

/** RFC 9112 §3.2: exactly one Host in HTTP/1.1, and an invalid one is 400. */
function hostFault(head: RequestHead): Refusal | undefined {
  const hosts = valuesOf(head.fields, 'host');
  if (hosts.length > 1) return bad('more than one Host');
  const [host] = hosts;
  if (host === undefined) return head.version === '1.0' ? undefined : bad('no Host');
  return authority.test(host) ? undefined : bad('the Host is no host');
}

function targetFault(head: RequestHead): Refusal | undefined {
  const { target } = head;
  // RFC 3986: a URI is ASCII without spaces, and its fragment stays with the client. Who reads on cuts, escapes or keeps them.
  // eslint-disable-next-line no-control-regex -- finding control characters is what it is for
  if (/[\x00-\x20#\x7f-\uffff]/.test(target)) {
    return bad('the request target holds a space, a control character, a fragment or an octet that is not ASCII');
  }
  if (target.startsWith('/')) return undefined;
  if (target === '*') return head.method === 'OPTIONS' ? undefined : bad('the request target `*` is for OPTIONS');
  const absolute = readAbsolute(target);
  if (absolute === undefined) return bad('the request target is no path');
  // RFC 9112 §3.2.2 lets the target win; what reads the Host line downstream would not know.
  const [host] = valuesOf(head.fields, 'host');
  return host?.toLowerCase() === absolute.host.toLowerCase()
    ? undefined
    : bad('the request target and the Host differ');
}

/** A whole URI as request target, in its two parts. */
export function readAbsolute(target: string): { host: string; path: string } | undefined {
  const parts = /^http:\/\/([^/?#]+)([/?#].*)?$/i.exec(target);
  if (parts?.[1] === undefined || !authority.test(parts[1])) return undefined;
  const rest = parts[2] ?? '/';
  return { host: parts[1], path: rest.startsWith('/') ? rest : `/${rest}` };
}

/** RFC 9112 §6: one length, said once. */
function framingFault(head: RequestHead): Refusal | undefined {
  const lengths = valuesOf(head.fields, 'content-length');
  const codings = valuesOf(head.fields, 'transfer-encoding');
  if (lengths.length > 1) return bad('more than one Content-Length');
  if (lengths[0] !== undefined && !/^[0-9]{1,15}$/.test(lengths[0])) return bad('the Content-Length is no number');
  if (codings.length === 0) return undefined;
  if (head.version !== '1.1') return bad(`Transfer-Encoding does not exist in HTTP/${head.version}`);
  if (lengths.length > 0) return bad('both Content-Length and Transfer-Encoding');
  if (codings.length > 1) return bad('more than one Transfer-Encoding');
  return codings[0]?.toLowerCase() === 'chunked'
    ? undefined
    : { status: 501, reason: 'only the coding `chunked` is known' };
}

function hopFault(fields: Fields): Refusal | undefined {
  const named = listOf(fields, 'connection').find((name) => notHopByHop.test(name));
  return named === undefined ? undefined : bad('a Connection line names a header that must reach the service');
}
