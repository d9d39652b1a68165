import type { Address } from '#runtime/address.ts';
import type { Logger } from '#runtime/logger.ts';
import { bundleEndpoint } from './bundle-endpoint/bundle-endpoint.ts';
import type { CaCore } from './ca-core.ts';
import { oidcDiscovery } from './oidc/oidc-discovery.ts';
import type { CaSettings } from './settings.ts';

export interface WebAddresses {
  readonly bundle: Address | undefined;
  readonly oidc: Address | undefined;
}

/** What anybody may fetch over https, as far as it is configured; closed with the stack. */
export async function openWebServers(
  { bundleEndpoint: bundle, oidcDiscovery: oidc, trustDomain }: CaSettings,
  { authorities, identity }: CaCore,
  { open, logger }: { open: AsyncDisposableStack; logger: Logger },
): Promise<WebAddresses> {
  const source = { authorities, identity, trustDomain, logger };
  return {
    bundle: bundle && (await open.use(bundleEndpoint(bundle, source)).listen(bundle.listen, 'ca.bundleEndpoint')),
    oidc: oidc && (await open.use(oidcDiscovery(oidc, authorities, logger)).listen(oidc.listen, 'ca.oidcDiscovery')),
  };
}
