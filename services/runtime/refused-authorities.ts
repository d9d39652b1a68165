import { X509Certificate } from 'node:crypto';
import { authorityId } from '#ca/authority-id.ts';
import { isIssuedBy } from '#ca/certificate/is-issued-by.ts';
import { readIssuer } from '#ca/issue/issuer.ts';
import { serialOf } from '#ca/issue/serial.ts';
import type { Identity } from './identity-source.ts';
import { mostShown } from './shown-certificates.ts';

export type RefusingTrust = Pick<Identity, 'bundle' | 'refused'>;

/**
 * Why nothing that a peer has shown counts, though it verifies; undefined where it does. Its root is trusted because of
 * another authority; one that was revoked under it has signed for this peer, or for somebody who did. What a certificate says
 * of its issuer is a claim (the authorityKeyIdentifier may be left out or be anybody's), a signature is not. What was verified
 * is among what was shown, and so is whatever leads from there to the roots: where it does not, there is more than we see.
 */
export function whyNotBelieved(
  shown: readonly X509Certificate[],
  { bundle, refused = [] }: RefusingTrust,
): string | undefined {
  if (refused.length === 0) return undefined;
  const authorities = certificatesOf(refused);
  for (const certificate of shown) {
    const signer = authorities.find((one) => isSignedBy(certificate, one));
    if (signer !== undefined) return `the authority \`${nameOf(signer)}\` that vouches for it was revoked`;
  }
  const sound = shown.length <= mostShown && leadsTo(certificatesOf(bundle), shown);
  return sound ? undefined : 'whether a revoked authority vouches for it cannot be told from what it shows';
}

/** The same, and whether the very certificate was revoked: for those who know their peer by something else than its SVID. */
export function whyTakenBack(
  shown: readonly X509Certificate[],
  trust: RefusingTrust & Pick<Identity, 'revoked'>,
): string | undefined {
  const [certificate] = shown;
  const isRevoked = certificate !== undefined && trust.revoked?.has(serialOf(certificate)) === true;
  return isRevoked ? 'its certificate was revoked' : whyNotBelieved(shown, trust);
}

/** Also where the name of the issuer is another one: the key is what was revoked. */
function isSignedBy(certificate: X509Certificate, { publicKey }: X509Certificate): boolean {
  return certificate.verify(publicKey);
}

/** Whether the first is under one of the roots, by way of the others. */
function leadsTo(roots: readonly X509Certificate[], [leaf, ...others]: readonly X509Certificate[]): boolean {
  const left = new Set(others);
  let at = leaf;
  while (at !== undefined) {
    const below = at;
    const issues = (issuer: X509Certificate): boolean => isIssuedBy(below, issuer);
    if (roots.some(issues)) return true;
    at = [...left].find(issues);
    if (at !== undefined) left.delete(at);
  }
  return false;
}

const read = new WeakMap<readonly string[], readonly X509Certificate[]>();

/** Read once for each state of trust, and not at every handshake. */
function certificatesOf(pems: readonly string[]): readonly X509Certificate[] {
  const known = read.get(pems) ?? pems.map((pem) => new X509Certificate(pem));
  read.set(pems, known);
  return known;
}

function nameOf({ raw }: X509Certificate): string {
  return authorityId(readIssuer(raw));
}
