import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { encodePem } from '#ca/pem.ts';
import type { SpiffeId, TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { FederationEndpoint } from '#runtime/config/federation-config.ts';
import { deadline } from '#runtime/deadline.ts';
import { identifyPeer } from '#runtime/peer.ts';
import { plainHost, readAllowedHosts } from '#services/keys/address-rules.ts';
import { systemResolve } from '#services/keys/connect-checked.ts';
import { fetchDocument, type FetchOptions } from '#services/keys/fetch-document.ts';

/** DER roots of a trust domain, as they are known now; undefined where they are not. */
export type RootsOf = (trustDomain: TrustDomain) => readonly Uint8Array[] | undefined;

const timeoutMs = 10_000;

/**
 * Asks a bundle endpoint (SPIFFE Federation §5). The host that the operator named may be anywhere, also inside: it was
 * named. What a redirect names is somebody else's choice: only public addresses, the same rules of the profile, and
 * never remembered.
 */
export async function fetchBundle(
  endpoint: FederationEndpoint,
  { clock, rootsOf, signal }: { clock: Clock; rootsOf: RootsOf; signal: AbortSignal },
): Promise<Uint8Array> {
  const { url } = endpoint;
  const options: FetchOptions = {
    resolve: systemResolve,
    allowed: readAllowedHosts([plainHost(url.hostname)], insideRemedy),
    ...(endpoint.profile === 'https_web' ? webAuthorities(endpoint.authorities) : spiffe(endpoint, rootsOf)),
  };
  const within = deadline(clock, timeoutMs, signal);
  try {
    return (await fetchDocument(url, within.signal, options)).body;
  } finally {
    within.done();
  }
}

const insideRemedy =
  'an endpoint may be inside where `url` itself names it, not where it redirects to; write in `url` where the bundle is in the end';

type Judgement = Pick<FetchOptions, 'authorities' | 'untrusted' | 'identify'>;

const unknownWeb =
  'where its certificate is from an authority of somebody’s own, name a PEM file of that one in `authorities`, beside `url`';

function webAuthorities(file: string | undefined): Judgement {
  const known = getCACertificates('default');
  if (file === undefined) return { authorities: known, untrusted: unknownWeb };
  try {
    const untrusted = `put the authority that its certificate is from into \`${file}\``;
    return { authorities: [...known, readFileSync(file, 'utf8')], untrusted };
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the authorities \`${file}\` cannot be read`, {
      place: 'ca.federation',
      remedy: 'put a PEM file there',
      cause,
    });
  }
}

/** §5.2.2: the SVID of the very identity that was configured, under the newest bundle of that identity's trust domain. */
function spiffe({ endpointSpiffeId }: { readonly endpointSpiffeId: SpiffeId }, rootsOf: RootsOf): Judgement {
  const { trustDomain } = endpointSpiffeId;
  const roots = rootsOf(trustDomain) ?? [];
  if (roots.length === 0) {
    throw new GarrisonError(
      'FAILED_PRECONDITION',
      `there is no root to verify the endpoint of \`${trustDomain}\` with`,
      {
        place: 'ca.federation',
        remedy: `give the bundle of \`${trustDomain}\` once: \`garrison identity bundle set\`, or the key \`bundle\``,
      },
    );
  }
  return {
    authorities: roots.map((der) => encodePem('CERTIFICATE', der)),
    untrusted: `where the roots of \`${trustDomain}\` were replaced, give its bundle anew: \`garrison identity bundle set\``,
    identify: (certificate) => {
      const id = identifyPeer(certificate, 'server').toString();
      if (id === endpointSpiffeId.toString()) return;
      throw new GarrisonError('UNAUTHENTICATED', `the endpoint is \`${id}\`, not \`${endpointSpiffeId.toString()}\``);
    },
  };
}
