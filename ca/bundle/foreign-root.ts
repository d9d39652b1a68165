import { readAltNames, readCertificate, uriTag } from '../certificate/read-certificate.ts';
import { oids } from '../der/oids.ts';
import type { TrustDomain } from '../spiffe-id.ts';

/**
 * The first SPIFFE ID in these roots that is of another trust domain than this one. Whose a bundle is stands nowhere in it,
 * but its roots may say so (X509-SVID §3.1); roots of somebody's own need name nobody.
 */
export function foreignRootName(roots: readonly Uint8Array[], trustDomain: TrustDomain): string | undefined {
  const own = `spiffe://${trustDomain}`;
  return roots
    .flatMap((der) => {
      const names = readCertificate(der).tbs.extensions.get(oids.subjectAltName);
      return names === undefined ? [] : readAltNames(names.value);
    })
    .filter(({ tag, text }) => tag === uriTag && /^spiffe:/i.test(text))
    .map(({ text }) => text)
    .find((name) => name !== own && !name.startsWith(`${own}/`));
}
