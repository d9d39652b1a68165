import type { Mesh } from '#policies/documents/mesh.ts';
import type { Address } from '#runtime/address.ts';
import type { Config } from '#runtime/config/config.ts';
import { meshOf } from '#runtime/config/mesh-config.ts';
import type { KeysConfig } from '#runtime/config/issuer-keys-config.ts';
import { showConfig } from '#runtime/config/show-config.ts';

export interface AuthzSettings {
  /** Files and folders of documents; together one revision. */
  readonly policies: readonly string[];
  /** Whether somebody named those paths: the default folder may be absent, which is a mesh without policies. */
  readonly policiesNamed: boolean;
  readonly mesh: Partial<Mesh>;
  readonly listen: Address;
  /** Plaintext for tools and a proxy on this host. */
  readonly local: Address | undefined;
  readonly admin: Address;
  readonly keys: KeysConfig;
  /** The configuration as `/config` shows it, without secrets. */
  readonly shown: unknown;
}

export function authzSettings(config: Config): AuthzSettings {
  const { policies, policiesNamed, authz } = config;
  return {
    policies,
    policiesNamed,
    mesh: meshOf(config),
    listen: authz.listen,
    local: authz.local,
    admin: authz.admin,
    keys: authz.keys,
    shown: showConfig(config),
  };
}
