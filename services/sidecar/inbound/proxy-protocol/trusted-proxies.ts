import { BlockList, isIP } from 'node:net';

/** Who must say on whose behalf a connection comes, and is believed. */
export class TrustedProxies {
  readonly #blocks = new BlockList();

  /** IP addresses and CIDR blocks, as the configuration has checked them. */
  constructor(from: readonly string[]) {
    for (const block of from) {
      const [address = '', bits] = block.split('/');
      const family = familyOf(address);
      if (bits === undefined) this.#blocks.addAddress(address, family);
      else this.#blocks.addSubnet(address, Number(bits), family);
    }
  }

  /** Whether a direct peer, by the address of its socket, is one of them. */
  includes(address: string): boolean {
    // A dual-stack socket reports IPv4 peers as mapped; a zone is no part of the address.
    const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=[0-9]+\.)/i, '');
    return isIP(plain) !== 0 && this.#blocks.check(plain, familyOf(plain));
  }
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return address.includes(':') ? 'ipv6' : 'ipv4';
}
