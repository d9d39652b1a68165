import { X509Certificate } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { checkCanonical } from '../der/canonical.ts';
import { oids } from '../der/oids.ts';
import { DerReader } from '../der/read.ts';
import { tags } from '../der/tags.ts';
import { readPublicKey, type PublicKey } from '../keys/public-key.ts';
import { isIssuedBy } from './is-issued-by.ts';
import {
  readBasicConstraints,
  readCertificate,
  readExtKeyUsage,
  readKeyUsage,
  type Certificate,
} from './read-certificate.ts';
import { keyUsages } from './write-extensions.ts';

/** A certificate of somebody else's authority, as it was shown. */
export interface ShownCertificate {
  readonly der: Uint8Array;
  readonly parsed: Certificate;
  readonly publicKey: PublicKey;
}

export interface VerifiedPath {
  /** The first that was shown, and the one whose key must answer. */
  readonly leaf: ShownCertificate;
  /** DER of what stands above it, the authority last. */
  readonly issuers: readonly Uint8Array[];
}

/** SPIRE 1.14.2: chains and keys without bound are work without bound. */
const maxChain = 5;
const maxCertificateBytes = 8192;
const { keyCertSign, digitalSignature } = keyUsages;

/** What we understand; any other extension that is critical ends the matter (RFC 5280 §4.2). */
const understood: ReadonlySet<string> = new Set([
  oids.basicConstraints,
  oids.keyUsage,
  oids.extKeyUsage,
  oids.subjectAltName,
]);
const signatures: ReadonlySet<string> = new Set([
  ...[oids.ecdsaWithSha256, oids.ecdsaWithSha384, oids.ecdsaWithSha512],
  ...[oids.sha256WithRsa, oids.sha384WithRsa, oids.sha512WithRsa, oids.ed25519],
]);

/**
 * Whether a chain leads to one of the authorities: in the order in which it was shown, each signed by the next, without
 * detours, so that what is verified is what was shown first. Everything cheap is checked before any signature.
 */
export function verifyPath(
  chain: readonly Uint8Array[],
  authorities: readonly X509Certificate[],
  now: Date,
): VerifiedPath {
  if (chain.length === 0 || chain.length > maxChain)
    throw refusal(`has ${chain.length} certificates, 1 to ${maxChain} are read`);
  if (chain.some((der) => der.length > maxCertificateBytes))
    throw refusal(`has one of more than ${maxCertificateBytes} bytes`);
  const shown = chain.map((der) => readShown(der));
  for (const { parsed } of shown) checkGeneral(parsed, now);
  const [leaf, ...above] = shown;
  if (leaf === undefined) throw refusal('is empty');
  checkLeaf(leaf.parsed);
  above.forEach(({ parsed }, below) => checkIssuer(parsed, below));
  const issuers: Uint8Array[] = [];
  for (const [index, { der }] of shown.entries()) {
    const certificate = new X509Certificate(der);
    const authority = authorities.find((one) => isIssuedBy(certificate, one));
    if (authority !== undefined) {
      const parsed = readCertificate(authority.raw);
      checkIssuer(parsed, index);
      checkTime(parsed, now);
      return { leaf, issuers: [...issuers, authority.raw] };
    }
    const next = shown[index + 1];
    if (next === undefined) break;
    if (!isIssuedBy(certificate, new X509Certificate(next.der))) {
      throw refusal('has one that the next did not sign');
    }
    issuers.push(next.der);
  }
  throw refusal('leads to no authority that is configured');
}

function readShown(der: Uint8Array): ShownCertificate {
  checkCanonical(der, 'certificate');
  const parsed = readCertificate(der);
  return { der, parsed, publicKey: readPublicKey(parsed.tbs.spki, 'certificate') };
}

function checkGeneral(parsed: Certificate, now: Date): void {
  const { tbs, signatureAlgorithm } = parsed;
  checkTime(parsed, now);
  // RFC 5280 §4.1.1.2: said twice, inside what is signed and outside.
  if (Buffer.compare(tbs.signatureAlgorithm, signatureAlgorithm) !== 0) {
    throw refusal('has one with two signature algorithms');
  }
  const algorithm = new DerReader(signatureAlgorithm, 'certificate').enter(tags.sequence, 'signatureAlgorithm');
  if (!signatures.has(algorithm.oid('algorithm'))) throw refusal('has one with a weak or unknown signature algorithm');
  for (const [name, { critical }] of tbs.extensions) {
    if (critical && !understood.has(name)) throw refusal(`has one with the critical extension \`${name}\``);
  }
}

function checkTime({ tbs: { notBefore, notAfter } }: Certificate, now: Date): void {
  if (now < notBefore || now > notAfter) throw refusal('has one that is not valid now');
}

function checkLeaf({ tbs: { extensions } }: Certificate): void {
  const constraints = extensions.get(oids.basicConstraints);
  if (constraints !== undefined && readBasicConstraints(constraints.value).ca) {
    throw refusal('begins with the certificate of an authority');
  }
  const usage = extensions.get(oids.keyUsage);
  const bits = usage === undefined ? [digitalSignature] : readKeyUsage(usage.value);
  if (bits.includes(keyCertSign) || !bits.includes(digitalSignature)) {
    throw refusal('begins with one that is not for signatures');
  }
  const purposes = extensions.get(oids.extKeyUsage);
  if (purposes !== undefined && !readExtKeyUsage(purposes.value).includes(oids.clientAuth)) {
    throw refusal('begins with one that is not for client authentication');
  }
}

/** Without basicConstraints nobody is an authority, whatever version or age says (CVE-2026-33896). */
function checkIssuer({ tbs: { extensions } }: Certificate, below: number): void {
  const constraints = extensions.get(oids.basicConstraints);
  const { ca, pathLength } =
    constraints === undefined ? { ca: false, pathLength: undefined } : readBasicConstraints(constraints.value);
  if (!ca) throw refusal('has an issuer that is no authority');
  if (pathLength !== undefined && pathLength < below) throw refusal('is longer than one of its authorities allows');
  const usage = extensions.get(oids.keyUsage);
  if (usage !== undefined && !readKeyUsage(usage.value).includes(keyCertSign)) {
    throw refusal('has an issuer that is not for signing certificates');
  }
}

function refusal(why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the certificate chain ${why}`);
}
