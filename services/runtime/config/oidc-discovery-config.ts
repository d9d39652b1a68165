import { type Shape, field, map, object, string } from '#schema/index.ts';
import type { Address } from '../address.ts';
import type { WebCertificate } from './bundle-endpoint-config.ts';
import { addressIn, pathIn } from './shapes.ts';

export interface OidcDiscoveryConfig extends WebCertificate {
  readonly listen: Address;
  /** `iss` of every JWT-SVID, and the URL that the discovery document is found under. */
  readonly issuer: string;
}

/** OpenID Connect Discovery §3: https, without query and fragment; compared letter by letter, so no slash at its end. */
const issuerUrl: Shape<string> = map(string({ minLength: 1, maxLength: 2048 }), (written, here) => {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  const plain = url !== undefined && url.username + url.password === '' && !/[?#]/.test(written);
  if (plain && url.protocol === 'https:' && !written.endsWith('/')) return written;
  here.fault('is no https URL without query, fragment and a slash at its end', 'write it as `https://id.example.org`');
  return undefined;
});

export function oidcDiscoveryShape(folder: string): Shape<OidcDiscoveryConfig> {
  return object({
    listen: field(addressIn(folder), { required: true, describe: 'where the document and the keys are served' }),
    issuer: field(issuerUrl, { required: true, describe: 'the URL that others find it under, and `iss` of JWT-SVIDs' }),
    certificate: field(pathIn(folder), {
      required: true,
      describe: 'a PEM file with a certificate for the issuer’s host name; read anew when it changes',
    }),
    key: field(pathIn(folder), { required: true, describe: 'the PEM file of its private key' }),
  });
}
