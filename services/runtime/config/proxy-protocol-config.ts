import { type Shape, field, list, object } from '#schema/index.ts';
import { addressBlock } from './shapes.ts';

export interface ProxyProtocolConfig {
  /** IP addresses and CIDR blocks. */
  readonly from: readonly string[];
}

/** Who may name another address than its own, which `remoteIpBlocks` then compares. */
export const proxyProtocolShape: Shape<ProxyProtocolConfig> = object({
  from: field(list(addressBlock, { min: 1 }), {
    required: true,
    describe:
      'direct peers, by IP address or CIDR block, that must begin every connection with a PROXY header, version 1 or 2; from anybody else one is refused',
  }),
});
