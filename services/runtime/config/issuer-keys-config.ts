import { type Shape, duration, field, list, map, object } from '#schema/index.ts';
import { hostOrBlock, pathIn } from './shapes.ts';

/** How the keys of token issuers are fetched. */
export interface KeysConfig {
  /** Host names, addresses and CIDR blocks that may be asked though they are not public. */
  readonly allow: readonly string[];
  /** PEM file of authorities for key servers, beside those the system knows. */
  readonly authorities: string | undefined;
  readonly maxStaleMs: number;
}

const maxStaleMs = 6 * 3_600_000;

export const defaultKeys: KeysConfig = { allow: [], authorities: undefined, maxStaleMs };

export function keysShape(folder: string): Shape<KeysConfig> {
  const written = object({
    allow: field(list(hostOrBlock), {
      default: [],
      describe: 'hosts, addresses and CIDR blocks that keys may be fetched from though they are not public',
    }),
    authorities: field(pathIn(folder), {
      nullable: true,
      describe: 'a PEM file of authorities that key servers may have certificates of, beside the well-known ones',
    }),
    maxStale: field(duration({ minMs: 60_000, maxMs: 7 * 24 * 3_600_000 }), {
      default: maxStaleMs,
      describe: 'how long fetched keys stay good while they cannot be fetched anew; `6h`',
    }),
  });
  return map(written, ({ maxStale, ...places }) => ({ ...places, maxStaleMs: maxStale }));
}
