import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Profile } from '../documents/mesh.ts';
import type { Certificate } from './request-shape.ts';

/** What a sidecar makes of a client certificate whose chain is good: an identity, or what is wrong with it. */
export interface CertificateReading {
  readonly principal: string | undefined;
  /** Further ones, of the profile `istio` only. */
  readonly others: readonly string[];
  readonly fault: string | undefined;
}

const scheme = 'spiffe://';

/** Strict: X509-SVID §5.2. The `istio` profile takes every URI that is a SPIFFE ID in form: Envoy's matchers try each. */
export function readCertificate(certificate: Certificate, profile: Profile): CertificateReading {
  const fault = certificateFault(certificate);
  const fit = profile === 'strict' && fault !== undefined ? [] : certificate.uriSans;
  const [uri, ...others] = fit.filter((name) => name.startsWith(scheme));
  return {
    principal: uri?.slice(scheme.length),
    others: others.map((name) => name.slice(scheme.length)),
    fault: uri === undefined ? (fault ?? 'it has no SPIFFE ID') : undefined,
  };
}

function certificateFault({ uriSans, ca, extendedKeyUsage }: Certificate): string | undefined {
  const [uri] = uriSans;
  if (uri === undefined || uriSans.length !== 1)
    return `it has ${uriSans.length} URI names and an X509-SVID has exactly one`;
  try {
    if (parseSpiffeId(uri).path === '') return 'it names a trust domain, not a workload';
  } catch {
    return 'its URI name is no SPIFFE ID';
  }
  if (ca) return 'it is a certificate authority’s';
  // No extended key usage at all restricts nothing (RFC 5280 §4.2.1.12).
  if (extendedKeyUsage.length > 0 && !extendedKeyUsage.includes('clientAuth'))
    return 'it is not for client authentication';
  return undefined;
}
