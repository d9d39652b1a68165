import { readAddress } from '../compile/address.ts';
import type { Address } from '../compile/address.ts';

/**
 * The client's address behind trusted proxies: the N-th X-Forwarded-For entry from the right.
 * Undefined where it cannot be derived: too few entries, rubbish, a zone.
 */
export function forwardedAddress(values: readonly string[], trustedHops: number, mapped: boolean): Address | undefined {
  let hops = trustedHops;
  for (let i = values.length - 1; i >= 0; i--) {
    const entries = (values[i] ?? '').split(',');
    if (entries.length < hops) {
      hops -= entries.length;
      continue;
    }
    return readEntry((entries[entries.length - hops] ?? '').trim(), mapped);
  }
  return undefined;
}

/** `ip`, `ip:port`, `[ip]`, `[ip]:port`. */
function readEntry(entry: string, mapped: boolean): Address | undefined {
  const bracketed = /^\[([0-9a-fA-F:.]+)\](?::[0-9]{1,5})?$/.exec(entry);
  if (bracketed !== null) {
    const address = readAddress(bracketed[1] ?? '', mapped);
    return bracketed[1]?.includes(':') === true ? address : undefined;
  }
  const withPort = /^([0-9.]+):[0-9]{1,5}$/.exec(entry);
  return readAddress(withPort?.[1] ?? entry, mapped);
}
