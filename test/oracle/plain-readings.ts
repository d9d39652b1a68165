import type { RequestText } from '#test/fakes/request-bag.ts';
import { bytesOf, plainAddress, small } from './plain-match.ts';
import type { PlainAddress } from './plain-match.ts';

/** Wide: any doubt matches. Narrow: any doubt does not. Plain: as upstream. */
export type Mode = 'wide' | 'narrow' | 'plain';

/** Every way to read a field of a request; wide and plain take any of them, narrow needs all. */
export function headerReadings(request: RequestText, name: string, mode: Mode): string[] {
  const wanted = small(name);
  const trim = (value: string): string => value.replace(/^[ \t]+|[ \t]+$/g, '');
  const named = (test: (header: string) => boolean): string[] =>
    (request.headers ?? []).filter(([header]) => test(small(header))).map(([, value]) => trim(value));
  const own = named((header) => header === wanted);
  const dashes = (text: string): string => text.replace(/_/g, '-');
  const others = named((header) => header !== wanted && dashes(header) === dashes(wanted));
  if (mode === 'plain') return own;
  return mode === 'narrow' && own.length === 0 ? [] : [...own, ...others];
}

export function hostReadings(host: string, mode: Mode): string[] {
  const written = small(host);
  if (mode !== 'wide') return [written];
  const port = /(:\d*)?$/.exec(written)?.[0] ?? '';
  const bare = written.slice(0, written.length - port.length);
  const readings = [written, bare];
  if (bare.endsWith('.')) readings.push(bare.slice(0, -1), bare.slice(0, -1) + port);
  return readings;
}

/** A pattern that names a port, as it would be without. */
export function withoutPatternPort(value: string): string | undefined {
  const lower = small(value);
  const found = /^(.*):(\d*\*?)$/s.exec(lower);
  if (found === null || lower === '*') return undefined;
  return found[1] === '' ? undefined : found[1];
}

export function methodReadings(method: string, mode: Mode): string[] {
  return mode === 'wide' ? [method, method.toUpperCase()] : [method];
}

/** The key `ns` and then the key `sa`, in pairs after the trust domain. */
export function identityOf(principal: string): { trustDomain: string; namespace?: string; account?: string } {
  const [trustDomain = '', ...rest] = principal.split('/');
  const pairs = rest.flatMap((key, i) => (i % 2 === 0 ? [{ key, value: rest[i + 1], more: i + 2 < rest.length }] : []));
  const at = pairs.findIndex(({ key, more }) => key === 'ns' && more);
  const first = pairs.findIndex(({ key }) => key === 'ns');
  if (at < 0 || at !== first) return { trustDomain };
  const namespace = pairs[at]!.value!;
  const account = pairs.slice(at + 1).find(({ key }) => key === 'sa')?.value;
  return account === undefined
    ? { trustDomain, namespace }
    : { trustDomain, namespace, account: `${namespace}/${account}` };
}

export function remoteAddress(
  request: RequestText,
  hops: number,
  strict: boolean,
): PlainAddress | 'underivable' | undefined {
  const direct = nearestAddress(request, strict);
  if (request.ip !== undefined && request.remoteIp !== undefined) return plainAddress(request.remoteIp, strict);
  if (hops === 0 || request.protocol === 'tcp') return direct;
  const entries = headerReadings(request, 'x-forwarded-for', 'plain').flatMap((line) => line.split(','));
  const entry = entries.at(-hops)?.trim();
  const address = entry === undefined || entries.length < hops ? undefined : readEntry(entry);
  if (address === undefined) return strict ? 'underivable' : direct;
  return plainAddress(address, strict);
}

/** A PROXY header's address is the direct peer's; one that is all zero is nobody's. */
function nearestAddress(request: RequestText, strict: boolean): PlainAddress | 'underivable' | undefined {
  const { proxiedIp } = request;
  if (proxiedIp?.some((byte) => byte !== 0)) return plainAddress(proxiedIp, strict);
  if (proxiedIp !== undefined && strict) return 'underivable';
  return directAddress(request, strict);
}

/** Proxies of Mixer's time name the peer of an HTTP request `origin.ip`, and then there is no `source.ip`. */
export function directAddress({ ip, remoteIp }: RequestText, strict: boolean): PlainAddress | undefined {
  const peer = ip ?? remoteIp;
  return peer === undefined ? undefined : plainAddress(peer, strict);
}

function readEntry(entry: string): number[] | undefined {
  const v4 = /^(\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/.exec(entry)?.[1];
  if (v4 !== undefined)
    return v4.split('.').every((part) => Number(part) < 256 && String(Number(part)) === part) ? bytesOf(v4) : undefined;
  const v6 = /^(?:\[([0-9a-f:.]*:[0-9a-f:.]*)\](?::\d{1,5})?|([0-9a-f:.]*:[0-9a-f:.]*))$/i.exec(entry);
  const text = v6?.[1] ?? v6?.[2];
  return text === undefined || text.includes('%') ? undefined : bytesOf(text);
}
