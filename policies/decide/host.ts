import type { Mode } from '../compile/mode.ts';
import type { Readings } from './headers.ts';
import { lowerCase } from './lower-case.ts';

/** The host as it may be meant: as written, without its port, without the dot that ends a full domain name. */
export function readHost(host: string, mode: Mode): Readings {
  const lower = lowerCase(host);
  if (mode !== 'wide') return lower;
  const bare = withoutPort(lower);
  if (bare === lower && !lower.endsWith('.')) return lower;
  const readings = [lower];
  if (bare !== lower) readings.push(bare);
  if (bare.endsWith('.')) {
    const name = bare.slice(0, -1);
    readings.push(name);
    if (bare !== lower) readings.push(name + lower.slice(bare.length));
  }
  return readings;
}

/** `h:80` → `h`; `[::1]:80` → `[::1]`; an address in colons without brackets has no port. */
export function withoutPort(host: string): string {
  const colon = host.lastIndexOf(':');
  if (colon < 0) return host;
  for (let at = colon + 1; at < host.length; at++) {
    const code = host.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return host;
  }
  const name = host.slice(0, colon);
  return name.includes(':') && !name.startsWith('[') ? host : name;
}
