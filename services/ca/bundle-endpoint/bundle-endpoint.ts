import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { BundleEndpointConfig } from '#runtime/config/bundle-endpoint-config.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities } from '../authority/authorities.ts';
import { trustedJwtKeys } from '../jwt-authority/jwt-keys.ts';
import { PublicServer } from '../web/public-server.ts';
import { fileTls, svidTls } from '../web/web-tls.ts';

export interface BundleSource {
  readonly trustDomain: TrustDomain;
  readonly authorities: Authorities;
}

/** The SPIFFE bundle of this trust domain as it is now. */
export function ownBundle(
  { authorities, trustDomain }: BundleSource,
  refreshHintSeconds: number,
): Record<string, unknown> {
  return toBundleDocument({
    trustDomain,
    roots: authorities.bundle(),
    jwtKeys: trustedJwtKeys(authorities),
    sequence: authorities.sequence,
    refreshHintSeconds,
  });
}

/**
 * The SPIFFE bundle endpoint: one document, for everybody. Profile https_spiffe shows the authority's own SVID, whose
 * SPIFFE ID callers check; profile https_web a certificate of its own for its host name.
 */
export function bundleEndpoint(
  { web, refreshHintMs }: BundleEndpointConfig,
  source: BundleSource & { readonly identity: IdentitySource; readonly logger: Logger },
): PublicServer {
  const seconds = Math.floor(refreshHintMs / 1000);
  const tls = web === undefined ? svidTls(source.identity) : fileTls(web, 'ca.bundleEndpoint', source.logger);
  return new PublicServer(new Map([['/', () => ({ body: ownBundle(source, seconds), maxAgeSeconds: seconds })]]), tls);
}
