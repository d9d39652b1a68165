import type { SecureContextOptions } from 'node:tls';
import { constants } from 'node:crypto';
import type { Identity } from './identity-source.ts';

/** Decision 12: the hybrid post-quantum group first, X25519 for peers without it. */
export const keyExchangeGroups = 'X25519MLKEM768:X25519';

/**
 * What every TLS endpoint of the mesh has in common. Tickets are off: a resumed session would carry the identity that
 * was checked at an earlier handshake, past its expiry and past a change of the bundle.
 */
export function secureContextOptions(identity: Pick<Identity, 'bundle'> & Partial<Identity>): SecureContextOptions {
  const { certificates, privateKey, bundle } = identity;
  return {
    ca: [...bundle],
    ...(certificates === undefined ? {} : { cert: certificates.map((pem) => pem.trimEnd()).join('\n') + '\n' }),
    ...(privateKey === undefined ? {} : { key: privateKey }),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    ecdhCurve: keyExchangeGroups,
    secureOptions: constants.SSL_OP_NO_TICKET,
  };
}
