import { GarrisonError } from '#proto/errors/index.ts';
import { directoryTag, readNameConstraints, whatForbids } from '../certificate/name-constraints.ts';
import { readCertificate } from '../certificate/read-certificate.ts';
import { oids } from '../der/oids.ts';
import { DerReader } from '../der/read.ts';
import { tags } from '../der/tags.ts';
import type { TrustDomain } from '../spiffe-id.ts';
import { checkChain, type GivenChain } from './check-chain.ts';
import { readIssuer, type Issuer } from './issuer.ts';

export interface GivenRules {
  readonly trustDomain: TrustDomain;
  /** Of the authority's own server: it could not be reached under a name that its authority may not vouch for. */
  readonly dnsNames: readonly string[];
  /** Whether an intermediate of ours is put below, which signs leaves then. */
  readonly intermediateBelow: boolean;
  /** Where it was given, for people. */
  readonly place: string;
  readonly files: { readonly issuing: string; readonly above: string; readonly root: string };
}

/**
 * Takes apart an authority that somebody else made, and refuses one whose leaves peers would refuse: what is wrong with it
 * is said here once, and not by every handshake later.
 */
export function checkGiven(
  certificates: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  now: Date,
  rules: GivenRules,
): GivenChain {
  const chain = taken(certificates, roots, now, rules);
  const { issuing, above, root } = chain;
  const between = above.map(readIssuer);
  const path: Part[] = [
    { issuer: issuing, file: issuing === root ? rules.files.root : rules.files.issuing },
    ...between.map((issuer) => ({ issuer, file: rules.files.above })),
    ...(isSame(issuing, root) ? [] : [{ issuer: root, file: rules.files.root }]),
  ];
  checkRoot({ issuer: root, file: rules.files.root }, rules);
  path.forEach((part, index) => {
    checkNames(part, rules);
    checkConstraints(part, rules);
    if (!isSame(part.issuer, root)) checkSignature(part, rules);
    if (rules.intermediateBelow) checkRoom(part, index, rules);
  });
  return chain;
}

interface Part {
  readonly issuer: Issuer;
  readonly file: string;
}

function taken(
  certificates: readonly Uint8Array[],
  roots: readonly Uint8Array[],
  now: Date,
  rules: GivenRules,
): GivenChain {
  try {
    return checkChain(certificates, roots, now);
  } catch (error) {
    if (!(error instanceof GarrisonError)) throw error;
    const { code, message, remedy } = error;
    const cause = { place: rules.place, ...(remedy === undefined ? {} : { remedy }), cause: error };
    throw new GarrisonError(code, `\`${rules.files.issuing}\`: ${message}`, cause);
  }
}

/** Verifiers look for the end of a chain, and take none for it that somebody else has signed. */
function checkRoot(part: Part, rules: GivenRules): void {
  const { certificate, publicKey } = part.issuer;
  if (certificate.checkIssued(certificate) && certificate.verify(publicKey.key)) return;
  throw fault(
    part,
    rules,
    'is not a root: another authority has signed it',
    'give the root that signed itself, too: as `bundle` of `ca.upstream.disk`, as `root-cert.pem` of `ca.pluggedIn`',
  );
}

/** A certificate that names a trust domain is for no other (X509-SVID §3.1). */
function checkNames(part: Part, rules: GivenRules): void {
  const names = (part.issuer.certificate.subjectAltName ?? '').split(', ');
  const other = names.find((name) => name.startsWith('URI:spiffe://') && name !== `URI:spiffe://${rules.trustDomain}`);
  if (other === undefined) return;
  throw fault(
    part,
    rules,
    `is of \`${other.slice(4, 300)}\``,
    `use one of \`spiffe://${rules.trustDomain}\`, or without URI names`,
  );
}

/** Where constraints are in a chain everybody who verifies applies them, to URI names too (X509-SVID §4.2). */
function checkConstraints(part: Part, { trustDomain, dnsNames, intermediateBelow, ...rules }: GivenRules): void {
  const extension = readCertificate(part.issuer.der).tbs.extensions.get(nameConstraints);
  if (extension === undefined) return;
  const constraints = readNameConstraints(extension.value);
  const uri = whatForbids(constraints, 'URI', trustDomain);
  if (uri !== undefined) {
    const fix = `use one without name constraints for URIs, or with \`permitted;URI:${trustDomain}\``;
    throw fault(part, rules, `has name constraints (\`${uri}\`) that forbid \`spiffe://${trustDomain}/…\``, fix);
  }
  for (const name of dnsNames) {
    const dns = whatForbids(constraints, 'DNS', name);
    if (dns === undefined) continue;
    const fix = `use one without name constraints for DNS names, or with \`permitted;DNS:${name}\``;
    throw fault(
      part,
      rules,
      `has name constraints (\`${dns}\`) that forbid the DNS name \`${name}\` of this authority`,
      fix,
    );
  }
  if (!intermediateBelow || !constraints.permitted.some(({ tag, text }) => tag === directoryTag && text !== empty))
    return;
  const fix = 'use one without name constraints for directory names';
  throw fault(
    part,
    rules,
    'has name constraints that permit only other subjects than those of intermediates made here',
    fix,
  );
}

function checkSignature(part: Part, rules: GivenRules): void {
  const { signatureAlgorithm } = readCertificate(part.issuer.der);
  const name = new DerReader(signatureAlgorithm, 'certificate')
    .enter(tags.sequence, 'signatureAlgorithm')
    .oid('algorithm');
  const bytes = Buffer.from(signatureAlgorithm);
  if (strong.has(name) || (name === rsaPss && strongHashes.some((hash) => bytes.includes(hash)))) return;
  const what = weak[name] ?? `the algorithm \`${name}\``;
  throw fault(
    part,
    rules,
    `is signed with ${what}, which peers refuse`,
    'have it signed again, with SHA-256 or better',
  );
}

/** RFC 5280 §4.2.1.9. */
function checkRoom(part: Part, index: number, rules: GivenRules): void {
  const { pathLength } = part.issuer;
  if (pathLength === undefined || pathLength > index) return;
  const why = `leaves no room for the intermediate that is made here (\`pathlen:${pathLength}\`)`;
  const fix = `have it signed with \`pathlen:${index + 1}\` or more, or use the one that signs leaves itself, as \`ca.pluggedIn\``;
  throw fault(part, rules, why, fix);
}

const nameConstraints = '2.5.29.30';
const rsaPss = '1.2.840.113549.1.1.10';
/** A Name without parts: everything is below it. */
const empty = '\x30\x00';
const strong: ReadonlySet<string> = new Set([
  ...[oids.ecdsaWithSha256, oids.ecdsaWithSha384, oids.ecdsaWithSha512],
  ...[oids.sha256WithRsa, oids.sha384WithRsa, oids.sha512WithRsa, oids.ed25519],
]);
/** SHA-256, SHA-384, SHA-512, as parameters name them; those of RSASSA-PSS say SHA-1 where they say nothing. */
const strongHashes = [1, 2, 3].map((last) =>
  Buffer.from([0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, last]),
);
const weak: Readonly<Record<string, string>> = {
  '1.2.840.113549.1.1.4': 'MD5',
  '1.2.840.113549.1.1.5': 'SHA-1',
  '1.2.840.10045.4.1': 'SHA-1',
  [rsaPss]: 'SHA-1',
};

function isSame(one: Issuer, other: Issuer): boolean {
  return Buffer.compare(one.der, other.der) === 0;
}

function fault(
  { issuer, file }: Part,
  { place }: Pick<GivenRules, 'place'>,
  why: string,
  remedy: string,
): GarrisonError {
  const name = issuer.certificate.subject.replaceAll('\n', ', ').slice(0, 200);
  return new GarrisonError('FAILED_PRECONDITION', `\`${name}\` in \`${file}\` ${why}`, { place, remedy });
}
