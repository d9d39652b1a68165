import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import type { PeerCertificate, SecureContext } from 'node:tls';
import { GarrisonError } from '#proto/errors/index.ts';
import type { HandlerTls } from '#policies/documents/model.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { identifyPeer } from '#runtime/peer.ts';
import { whyTakenBack } from '#runtime/refused-authorities.ts';
import { shownByServer } from '#runtime/shown-certificates.ts';
import { keyExchangeGroups } from '#runtime/tls.ts';

export interface ProviderTls {
  readonly context: SecureContext;
  /** Server name to ask for; an address is none. */
  readonly serverName: string | undefined;
  readonly checkServerIdentity: (host: string, certificate: PeerCertificate) => Error | undefined;
}

/** TLS to a provider: whose authorities count, who it must be, and whether we show who we are. */
export function providerTls(tls: HandlerTls, host: string, identity: IdentitySource): ProviderTls {
  const own = identity.current();
  const name = tls.serverName ?? host;
  return {
    context: createSecureContext({
      ca: tls.caCertificates === undefined ? [...own.bundle] : tls.caCertificates,
      ...(tls.clientCertificate ? { cert: own.certificates.join('\n'), key: own.privateKey } : {}),
      // Providers are other people's programs, not all of which speak 1.3 or the hybrid group.
      minVersion: 'TLSv1.2',
      ecdhCurve: `${keyExchangeGroups}:P-256:P-384`,
    }),
    serverName: isIP(name) === 0 ? name : undefined,
    checkServerIdentity: (_host, certificate) => {
      const { spiffeId } = tls;
      const wrongName =
        spiffeId === undefined || tls.serverName !== undefined ? checkServerIdentity(name, certificate) : undefined;
      const wrong = wrongName ?? (spiffeId === undefined ? undefined : wrongIdentity(spiffeId, certificate));
      // What our authority takes back says nothing of somebody else's.
      return wrong ?? (tls.caCertificates === undefined ? takenBack(certificate, own) : undefined);
    },
  };
}

function takenBack(certificate: PeerCertificate, own: Identity): Error | undefined {
  const why = whyTakenBack(shownByServer(certificate), own);
  return why === undefined ? undefined : new GarrisonError('UNAUTHENTICATED', `the provider is not believed: ${why}`);
}

function wrongIdentity(expected: string, certificate: PeerCertificate): Error | undefined {
  try {
    const shown = identifyPeer(new X509Certificate(certificate.raw), 'server').toString();
    if (shown === expected) return undefined;
    return new GarrisonError('UNAUTHENTICATED', `the provider is \`${shown}\`, not \`${expected}\``);
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
