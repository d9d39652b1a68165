import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { CaKeysConfig } from '#runtime/config/ca-keys-config.ts';
import { readPin } from '#runtime/config/read-pin.ts';
import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import { FallbackKeyStore } from './fallback-key-store.ts';
import { FileKeyStore } from './file-key-store.ts';
import type { KeyStore } from './key-store.ts';
import { loadModule } from './pkcs11/module.ts';
import { Pkcs11KeyStore } from './pkcs11/pkcs11-key-store.ts';
import { Token } from './pkcs11/token.ts';

export interface KeysAround {
  readonly state: StateFolder;
  readonly passphrase: string | undefined;
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  /** Why nothing can be signed; undefined as soon as it can again. */
  readonly onHealth: (trouble: GarrisonError | undefined) => void;
  /** Others may read the file with the PIN. */
  readonly onExposed: OnExposed;
}

/** The keys as the configuration says; a mesh that moves to a token still finds the files it had. */
export async function openKeys(config: CaKeysConfig, around: KeysAround): Promise<KeyStore> {
  const files = new FileKeyStore(around);
  if (config.kind === 'file') return files;
  const { clock, onHealth, onExposed, trustDomain } = around;
  const pin = readPin(config.pin, onExposed);
  const module = await loadModule(config.module);
  const token = await Token.open({ module, token: config.token, pin, clock, onHealth });
  return new FallbackKeyStore(new Pkcs11KeyStore(token, `garrison ${trustDomain}`), files);
}
