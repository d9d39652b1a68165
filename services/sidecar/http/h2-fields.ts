import type { OutgoingHttpHeaders } from 'node:http2';
import { type Fields, keepFields } from './message.ts';

/** HTTP/2's raw header list as header lines: `:authority` as `host`, cookie crumbs joined (RFC 9113 §8.2.3). */
export function fromH2(raw: readonly string[]): { pseudo: ReadonlyMap<string, string>; fields: string[] } {
  const pseudo = new Map<string, string>();
  const crumbs: string[] = [];
  const rest: string[] = [];
  for (let i = 0; i + 1 < raw.length; i += 2) {
    const name = raw[i] ?? '';
    const value = raw[i + 1] ?? '';
    if (name.startsWith(':')) pseudo.set(name, value);
    else if (name === 'cookie') crumbs.push(value);
    else rest.push(name, value);
  }
  const authority = pseudo.get(':authority');
  // The same host in both places is one host; two different ones are left for refuseRequest to find.
  const others = keepFields(rest, (name, value) => name !== 'host' || value !== authority);
  const host = authority === undefined ? [] : ['host', authority];
  const cookie = crumbs.length === 0 ? [] : ['cookie', crumbs.join('; ')];
  return { pseudo, fields: [...host, ...others, ...cookie] };
}

/** Header lines as node:http2 takes them. `host` becomes `:authority` in a request. */
export function toH2(pseudo: Readonly<Record<string, string | number>>, fields: Fields): OutgoingHttpHeaders {
  const headers = Object.create(null) as OutgoingHttpHeaders;
  Object.assign(headers, pseudo);
  for (let i = 0; i + 1 < fields.length; i += 2) {
    const name = (fields[i] ?? '').toLowerCase();
    const value = fields[i + 1] ?? '';
    if (name === 'host' && ':method' in pseudo) {
      headers[':authority'] = value;
      continue;
    }
    const before = headers[name];
    if (before === undefined) headers[name] = value;
    else if (Array.isArray(before)) before.push(value);
    else headers[name] = [String(before), value];
  }
  return headers;
}
