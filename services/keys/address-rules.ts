import { readAddress, readBlock, wordMask } from '#policies/compile/address.ts';
import type { Address, Block } from '#policies/compile/address.ts';

/** IANA's special-purpose registries, and Azure's metadata service, which has an address like any other. */
const notPublic4 = [
  ...['0.0.0.0/8', '10.0.0.0/8', '100.64.0.0/10', '127.0.0.0/8', '169.254.0.0/16', '172.16.0.0/12', '192.0.0.0/24'],
  ...['192.0.2.0/24', '192.88.99.0/24', '192.168.0.0/16', '198.18.0.0/15', '198.51.100.0/24', '203.0.113.0/24'],
  ...['224.0.0.0/3', '168.63.129.16/32'],
].map((text) => readBlock(text, true));
/** Of IPv6 only 2000::/3 is handed out, and parts of it lead elsewhere: Teredo and its neighbours, examples, 6to4. */
const unicast6 = readBlock('2000::/3', false);
const notPublic6 = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20'].map((text) => readBlock(text, false));
/** An IPv4 address behind a translator (RFC 6052). */
const translated = readBlock('64:ff9b::/96', false);

/** Where machines serve credentials and where many listen at once: a host name in the configuration does not open these. */
const neverByName = ['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254', '224.0.0.0/3', 'ff00::/8', '0.0.0.0/8', '::/128']
  .concat('100.100.100.200', '192.0.0.192', '168.63.129.16')
  .map((text) => readBlock(text, true));

/** What a setting such as `authz.keys.allow` says: hosts by name, addresses and blocks. */
export interface AllowedHosts {
  /** What to do about a host that is none of these. */
  readonly remedy: string;
  readonly names: ReadonlySet<string>;
  readonly blocks: readonly Block[];
}

const allow = 'only public addresses are asked; name this host or its block in `authz.keys.allow` if it is meant';

export function readAllowedHosts(entries: readonly string[], remedy = allow): AllowedHosts {
  const names = new Set<string>();
  const blocks: Block[] = [];
  for (const entry of entries) {
    if (entry.includes('/') || readAddress(entry, true) !== undefined) blocks.push(readBlock(entry, true));
    else names.add(plainHost(entry));
  }
  return { remedy, names, blocks };
}

/** A host as it is compared: no case, no dot at the end, no brackets. */
export function plainHost(host: string): string {
  return host
    .toLowerCase()
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '');
}

/** Whether keys may be fetched from this address, found under this host name. What cannot be read may not. */
export function mayFetchFrom(address: string, host: string, allowed: AllowedHosts): boolean {
  const read = readAddress(address, true);
  if (read === undefined) return false;
  const real = behindTranslator(read);
  if (allowed.blocks.some((block) => contains(block, real))) return true;
  if (allowed.names.has(plainHost(host))) return !neverByName.some((block) => contains(block, real));
  return isPublic(real);
}

function isPublic(address: Address): boolean {
  if (address.family === 4) return !notPublic4.some((block) => contains(block, address));
  return contains(unicast6, address) && !notPublic6.some((block) => contains(block, address));
}

function behindTranslator(address: Address): Address {
  return contains(translated, address) ? { family: 4, words: address.words.slice(3) } : address;
}

export function contains(block: Block, address: Address): boolean {
  if (block.family !== address.family) return false;
  return block.words.every((word, i) => (((address.words[i] ?? 0) ^ word) & wordMask(block.bits - 32 * i)) === 0);
}
