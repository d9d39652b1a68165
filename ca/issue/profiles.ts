import type { KeyUsage } from '../certificate/write-extensions.ts';
import type { KeyType } from '../keys/public-key.ts';

export const profileNames = ['root', 'intermediate', 'leaf'] as const;
export type ProfileName = (typeof profileNames)[number];

const day = 86_400;

/** What a kind of certificate must be. Preparing, linting and validating all read this one table. */
export interface Profile {
  readonly name: ProfileName;
  readonly ca: boolean;
  /** Undefined: no limit. */
  readonly pathLength: number | undefined;
  readonly usages: (key: KeyType) => readonly KeyUsage[];
  /** serverAuth and clientAuth, both or none (X509-SVID §4.4). */
  readonly serverAndClient: boolean;
  readonly emptySubject: boolean;
  /** The URI name must have a path (leaf) or none (authority), X509-SVID §3. */
  readonly uriHasPath: boolean;
  readonly maxSeconds: number;
  readonly keys: readonly KeyType[];
}

const authorityUsages = (): readonly KeyUsage[] => ['keyCertSign', 'cRLSign'];

export const profiles: Readonly<Record<ProfileName, Profile>> = {
  root: {
    name: 'root',
    ca: true,
    pathLength: undefined,
    usages: authorityUsages,
    serverAndClient: false,
    emptySubject: false,
    uriHasPath: false,
    maxSeconds: 3653 * day,
    keys: ['ecdsa-p256', 'ecdsa-p384'],
  },
  intermediate: {
    name: 'intermediate',
    ca: true,
    pathLength: 0,
    usages: authorityUsages,
    serverAndClient: false,
    emptySubject: false,
    uriHasPath: false,
    maxSeconds: 3653 * day,
    keys: ['ecdsa-p256', 'ecdsa-p384'],
  },
  leaf: {
    name: 'leaf',
    ca: false,
    pathLength: undefined,
    // RSA key transport exists in TLS 1.2 only, but peers that speak it look for the bit.
    usages: (key) => (key === 'rsa' ? ['digitalSignature', 'keyEncipherment'] : ['digitalSignature']),
    serverAndClient: true,
    emptySubject: true,
    uriHasPath: true,
    // Beyond seven days a certificate needs revocation data (BR 4.9, short-lived certificates).
    maxSeconds: 7 * day,
    keys: ['ecdsa-p256', 'ecdsa-p384', 'ed25519', 'rsa'],
  },
};
