import { type SpiffeId, type TrustDomain, parseSpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Shape, check, duration, field, list, map, object, oneOf, string } from '#schema/index.ts';
import { pathIn, trustDomain } from './shapes.ts';

/** Another trust domain, and where its bundle comes from: all of it said, nothing of it guessed (SPIFFE Federation §4). */
export interface FederationConfig {
  readonly trustDomain: TrustDomain;
  /** Undefined: only what `bundle` holds or an operator sets. */
  readonly endpoint: FederationEndpoint | undefined;
  /** A SPIFFE bundle document to begin with. */
  readonly bundle: string | undefined;
  /** Undefined: as often as the bundle asks. */
  readonly refreshMs: number | undefined;
}

export type FederationEndpoint =
  | { readonly profile: 'https_web'; readonly url: URL; readonly authorities: string | undefined }
  | { readonly profile: 'https_spiffe'; readonly url: URL; readonly endpointSpiffeId: SpiffeId };

/** Federation §5.1: https, and nobody's name in it. */
const endpointUrl: Shape<URL> = map(string({ minLength: 1, maxLength: 2048 }), (written, here) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url?.protocol === 'https:' && url.username + url.password + url.hash === '') return url;
  here.fault('is no https URL without user and fragment', 'write it as `https://bundles.example/`');
  return undefined;
});

export const workloadId: Shape<SpiffeId> = map(string({ minLength: 1, maxLength: 2048 }), (written, here) => {
  try {
    const id = parseSpiffeId(written);
    if (id.path !== '') return id;
    here.fault('names a trust domain, not a workload');
  } catch (error) {
    if (!(error instanceof GarrisonError)) throw error;
    here.fault(error.message, error.remedy);
  }
  return undefined;
});

export function federationShape(folder: string): Shape<readonly FederationConfig[]> {
  const written = object({
    trustDomain: field(trustDomain, { required: true, describe: 'the other trust domain' }),
    url: field(endpointUrl, {
      describe: 'its bundle endpoint; left out, its bundle is what `bundle` holds or `identity bundle set` gives',
    }),
    profile: field(oneOf(['https_web', 'https_spiffe'] as const), {
      describe: 'how the endpoint proves itself: with a certificate for its name, or with an SVID',
    }),
    endpointSpiffeId: field(workloadId, { describe: 'https_spiffe: whose SVID it must show' }),
    authorities: field(pathIn(folder), {
      describe: 'https_web: a PEM file of authorities it may have its certificate from, beside the well-known ones',
    }),
    bundle: field(pathIn(folder), {
      describe: 'a SPIFFE bundle document to begin with, until one was fetched',
    }),
    refresh: field(duration({ minMs: 1000, maxMs: 24 * 3_600_000 }), {
      describe: 'how often to ask; as often as the bundle says where it is left out',
    }),
  });
  const one = map(written, ({ url, profile, endpointSpiffeId, authorities, refresh, ...rest }, here) => {
    if (here.has('url') !== here.has('profile')) {
      here.fault('`url` and `profile` belong together', 'write both, or neither for a bundle that is set by hand');
    }
    // What belongs to a profile that is none, nobody knows.
    const known = profile !== undefined || !here.has('profile');
    if (known && (profile === 'https_spiffe') !== here.has('endpointSpiffeId')) {
      here.fault('`endpointSpiffeId` belongs to the profile `https_spiffe`', 'write both or neither');
    }
    if (known && here.has('authorities') && profile !== 'https_web') {
      here.fault('`authorities` belongs to the profile `https_web`', 'take it out', 'authorities');
    }
    return { ...rest, refreshMs: refresh, endpoint: endpointOf(url, endpointSpiffeId, authorities) };
  });
  return check(list(one), (all, here) => {
    for (const [index, { trustDomain: name }] of all.entries()) {
      if (all.findIndex((other) => other.trustDomain === name) === index) continue;
      here.fault(`names \`${name}\` twice`, 'keep one of both', index);
    }
  });
}

function endpointOf(
  url: URL | undefined,
  endpointSpiffeId: SpiffeId | undefined,
  authorities: string | undefined,
): FederationEndpoint | undefined {
  if (url === undefined) return undefined;
  return endpointSpiffeId === undefined
    ? { profile: 'https_web', url, authorities }
    : { profile: 'https_spiffe', url, endpointSpiffeId };
}
