import { type Shape, duration, field, map, object, oneOf } from '#schema/index.ts';
import type { Address } from '../address.ts';
import { addressIn, pathIn } from './shapes.ts';

/** The files a web server shows; read anew when they change. */
export interface WebCertificate {
  readonly certificate: string;
  readonly key: string;
}

export interface BundleEndpointConfig {
  readonly listen: Address;
  /** Undefined: the profile https_spiffe, with the authority's own SVID. */
  readonly web: WebCertificate | undefined;
  /** How often others should ask. */
  readonly refreshHintMs: number;
}

/** SPIFFE Trust Domain and Bundle §5.3. */
export const defaultRefreshHintMs = 300_000;

/** An address alone, or all that can be said. */
export function bundleEndpointShape(folder: string): Shape<BundleEndpointConfig> {
  const address = addressIn(folder);
  const written = object({
    listen: field(address, { required: true, describe: 'where it is served' }),
    profile: field(oneOf(['https_spiffe', 'https_web'] as const), {
      describe:
        'how it proves itself: with the authority’s SVID, or with a certificate of its own for its name; `https_spiffe`',
    }),
    certificate: field(pathIn(folder), {
      describe: 'https_web: a PEM file, the leaf first; read anew when it changes',
    }),
    key: field(pathIn(folder), { describe: 'https_web: the PEM file of its private key' }),
    refreshHint: field(duration({ minMs: 1000, maxMs: 24 * 3_600_000 }), {
      default: defaultRefreshHintMs,
      describe: 'how often others should ask; `5m`',
    }),
  });
  const whole = map(written, ({ listen, profile, certificate, key, refreshHint }, here) => {
    const web = certificate === undefined || key === undefined ? undefined : { certificate, key };
    const given = [here.has('certificate'), here.has('key')].filter(Boolean).length;
    // What belongs to a profile that is none, nobody knows.
    const known = profile !== undefined || !here.has('profile');
    if (known && given !== (profile === 'https_web' ? 2 : 0)) {
      here.fault(
        '`certificate` and `key` belong to the profile `https_web`',
        'write both with it, and neither without',
      );
    }
    return { listen, web, refreshHintMs: refreshHint };
  });
  const short: Shape<BundleEndpointConfig> = map(address, (listen) => ({
    listen,
    web: undefined,
    refreshHintMs: defaultRefreshHintMs,
  }));
  return {
    read: (node, reading) => (node.kind === 'map' ? whole : short).read(node, reading),
    schema: { anyOf: [address.schema, whole.schema] },
  };
}
