import { publicMembers } from '#ca/jwt/jwt-key.ts';
import type { OidcDiscoveryConfig } from '#runtime/config/oidc-discovery-config.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Authorities } from '../authority/authorities.ts';
import { trustedJwtKeys } from '../jwt-authority/jwt-keys.ts';
import { PublicServer, type Document } from '../web/public-server.ts';
import { fileTls } from '../web/web-tls.ts';

const discoveryPath = '/.well-known/openid-configuration';
const keysPath = '/keys';
/** Verifiers that meet an unknown key ask again, so this only spares those that never do. */
const maxAgeSeconds = 300;

/**
 * JWT-SVIDs for verifiers that speak OpenID Connect (cloud providers, mostly): who issues them and which keys sign. The
 * key of a prepared authority is among them long before it signs.
 */
export function oidcDiscovery(config: OidcDiscoveryConfig, authorities: Authorities, logger: Logger): PublicServer {
  const { issuer } = config;
  // Below the issuer's own path, and at the root for a proxy that has taken it away.
  const prefixes = [...new Set([new URL(issuer).pathname.replace(/\/$/, ''), ''])];
  const documents = new Map<string, () => Document>();
  for (const prefix of prefixes) {
    documents.set(`${prefix}${discoveryPath}`, () => ({ body: discoveryOf(issuer), maxAgeSeconds }));
    documents.set(`${prefix}${keysPath}`, () => ({ body: keySetOf(authorities), maxAgeSeconds }));
  }
  return new PublicServer(documents, fileTls(config, 'ca.oidcDiscovery', logger));
}

/** OpenID Connect Discovery §3: what is required, though nobody is authorized here. */
function discoveryOf(issuer: string): Record<string, unknown> {
  return {
    issuer,
    jwks_uri: `${issuer}${keysPath}`,
    authorization_endpoint: '',
    response_types_supported: ['id_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['ES256'],
  };
}

/** `use` is `sig` here: libraries skip keys with the `jwt-svid` of the SPIFFE bundle. */
function keySetOf(authorities: Authorities): Record<string, unknown> {
  const keys = trustedJwtKeys(authorities).map(({ kid, key }) => {
    return { ...publicMembers(key), kid, use: 'sig', alg: 'ES256' };
  });
  return { keys };
}
