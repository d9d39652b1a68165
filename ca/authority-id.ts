import { readAuthorityKeyId, readCertificate } from './certificate/read-certificate.ts';
import { oids } from './der/oids.ts';
import type { Issuer } from './issue/issuer.ts';

/** By the key of the certificate that makes it one: its own root, or the intermediate that somebody else signed. */
export function authorityId({ keyId }: Pick<Issuer, 'keyId'>): string {
  return Buffer.from(keyId).toString('hex').slice(0, 16);
}

/** What a certificate's issuer is called, if that is what makes an authority one, and not the intermediate under a root of ours. */
export function issuerId(der: Uint8Array): string | undefined {
  const named = readCertificate(der).tbs.extensions.get(oids.authorityKeyIdentifier);
  return named === undefined ? undefined : authorityId({ keyId: readAuthorityKeyId(named.value) });
}
