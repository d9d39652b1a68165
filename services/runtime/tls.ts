import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { constants } from 'node:crypto';
import type { Identity } from './identity-source.ts';

/**
 * Decision 12: the hybrid post-quantum group first, X25519 for peers without it. The OpenSSL of Node before 24 does not
 * know the hybrid one and takes no list that names it; there, in programs that use `garrison/identity`, X25519 is all.
 */
export const keyExchangeGroups = isKnown('X25519MLKEM768') ? 'X25519MLKEM768:X25519' : 'X25519';

function isKnown(group: string): boolean {
  try {
    createSecureContext({ ecdhCurve: group });
    return true;
  } catch {
    return false;
  }
}

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
