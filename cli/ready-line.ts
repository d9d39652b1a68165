import { type Address, dialable, formatAddress } from '#runtime/address.ts';
import type { Output } from './output.ts';

type Served = Readonly<Record<string, Address | readonly Address[] | undefined>>;

/** The one line that says a process serves, with its real ports. Tests and scripts wait for it. */
export function sayReady(output: Output, addresses: Served, more: Readonly<Record<string, unknown>> = {}): void {
  output.result({ ready: true, ...more, addresses: written(addresses) }, 'ready');
}

function written(addresses: Served): Record<string, string | string[]> {
  const texts: Record<string, string | string[]> = {};
  for (const [name, value] of Object.entries(addresses)) {
    if (value === undefined) continue;
    texts[name] = isList(value) ? value.map(text) : text(value);
  }
  return texts;
}

const isList = (value: Address | readonly Address[]): value is readonly Address[] => Array.isArray(value);
const text = (address: Address): string => formatAddress(dialable(address));
