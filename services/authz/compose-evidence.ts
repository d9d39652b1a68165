import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { KeysConfig } from '#runtime/config/issuer-keys-config.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import type { EvidenceSources } from './gather-evidence.ts';
import { readAllowedHosts } from '#services/keys/address-rules.ts';
import { systemResolve } from '#services/keys/connect-checked.ts';
import { KeyStore } from './key-store.ts';
import { ProviderStore } from './providers/provider-store.ts';
import type { Revisions } from './revisions.ts';

export interface EvidenceSurroundings {
  readonly identity: IdentitySource;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

export type ComposedEvidence = EvidenceSources & Disposable & { readonly keys: KeyStore };

/** Keys and providers of whatever revision is in force. Nothing here holds up readiness: an issuer may be down. */
export function composeEvidence(
  { allow, authorities, maxStaleMs }: KeysConfig,
  revisions: Revisions,
  { identity, clock, logger, metrics }: EvidenceSurroundings,
): ComposedEvidence {
  const random = (): number => randomInt(2 ** 32) / 2 ** 32;
  const fetching = {
    resolve: systemResolve,
    allowed: readAllowedHosts(allow),
    untrusted: 'where it has its certificate from an authority of your own, name that one in `authz.keys.authorities`',
    authorities: [...getCACertificates('default'), ...(authorities === undefined ? [] : [readPem(authorities)])],
  };
  const keys = new KeyStore({ clock, logger, random, fetching, maxStaleMs });
  const providers = new ProviderStore({ identity, clock, logger, random });
  keys.exposeOn(metrics);
  providers.exposeOn(metrics);
  const follow = (): void => {
    const set = revisions.current?.set;
    if (set === undefined) return;
    keys.use(set);
    providers.use(set);
  };
  follow();
  const unfollow = revisions.onChange(follow);
  const dispose = (): void => {
    unfollow();
    keys[Symbol.dispose]();
    providers[Symbol.dispose]();
  };
  return { keys, providers, clock, [Symbol.dispose]: dispose };
}

function readPem(file: string): string {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be read`, {
      place: 'authz.keys.authorities',
      remedy: 'name a readable PEM file',
      cause,
    });
  }
  if (text.includes('-----BEGIN CERTIFICATE-----')) return text;
  throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` holds no certificate`, {
    place: 'authz.keys.authorities',
    remedy: 'name a PEM file',
  });
}
