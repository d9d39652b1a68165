import { readBundle } from '#ca/bundle/read-bundle.ts';
import type { JwtKey } from '#ca/jwt/jwt-key.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { JWTBundlesResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { trustDomainOf } from './x509-context.ts';

/** Keys of JWT-SVIDs by trust domain, each counting in its own only. */
export type JwtBundles = ReadonlyMap<TrustDomain, readonly JwtKey[]>;

export function readJwtBundles({ bundles }: JWTBundlesResponse): JwtBundles {
  return new Map(
    [...bundles].map(([name, text]) => [trustDomainOf(name), readBundle(Buffer.from(text).toString()).jwtKeys]),
  );
}
