import { oids } from '../der/oids.ts';
import { DerReader } from '../der/read.ts';
import { contextTag, primitiveContextTag, tags } from '../der/tags.ts';

export interface Extension {
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** The to-be-signed part of an X.509 version 3 certificate (RFC 5280 §4.1), taken apart but not judged. */
export interface TbsCertificate {
  readonly serial: Uint8Array;
  /** Whole AlgorithmIdentifier. */
  readonly signatureAlgorithm: Uint8Array;
  /** Whole Name. */
  readonly issuer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly subject: Uint8Array;
  readonly spki: Uint8Array;
  readonly extensions: ReadonlyMap<string, Extension>;
}

export interface Certificate {
  readonly tbs: TbsCertificate;
  /** The bytes that were signed. */
  readonly tbsBytes: Uint8Array;
  readonly signatureAlgorithm: Uint8Array;
  readonly signature: Uint8Array;
}

export function readCertificate(der: Uint8Array): Certificate {
  const outer = new DerReader(der, 'certificate');
  const certificate = outer.enter(tags.sequence, 'certificate');
  outer.end();
  const tbsBytes = certificate.expect(tags.sequence, 'tbsCertificate').raw;
  const signatureAlgorithm = certificate.expect(tags.sequence, 'signatureAlgorithm').raw;
  const signature = certificate.octetsOfBitString('signatureValue');
  certificate.end();
  return { tbs: readTbs(tbsBytes), tbsBytes, signatureAlgorithm, signature };
}

export function readTbs(bytes: Uint8Array): TbsCertificate {
  const outer = new DerReader(bytes, 'certificate');
  const tbs = outer.enter(tags.sequence, 'tbsCertificate');
  outer.end();
  const version = tbs.enter(contextTag(0), 'version');
  if (version.smallInteger('version') !== 2) throw version.fault('is no version 3 certificate');
  version.end();
  const serial = tbs.unsignedInteger('serialNumber');
  const signatureAlgorithm = tbs.expect(tags.sequence, 'signature').raw;
  const issuer = tbs.expect(tags.sequence, 'issuer').raw;
  const validity = tbs.enter(tags.sequence, 'validity');
  const notBefore = readTime(validity);
  const notAfter = readTime(validity);
  validity.end();
  const subject = tbs.expect(tags.sequence, 'subject').raw;
  const spki = tbs.expect(tags.sequence, 'subjectPublicKeyInfo').raw;
  const wrapped = tbs.enter(contextTag(3), 'extensions');
  const extensions = readExtensions(wrapped.enter(tags.sequence, 'extensions'));
  wrapped.end();
  tbs.end();
  return { serial, signatureAlgorithm, issuer, notBefore, notAfter, subject, spki, extensions };
}

function readExtensions(list: DerReader): Map<string, Extension> {
  const found = new Map<string, Extension>();
  while (!list.done) {
    const extension = list.enter(tags.sequence, 'extension');
    const name = extension.oid('extnID');
    const critical = extension.defaultFalse('critical');
    const value = extension.expect(tags.octetString, 'extnValue').content;
    extension.end();
    if (found.has(name)) throw list.fault(`has the extension \`${name}\` twice`);
    found.set(name, { critical, value });
  }
  return found;
}

/** RFC 5280 §4.1.2.5: UTCTime through 2049, seconds, `Z`. */
function readTime(reader: DerReader): Date {
  const { tag, content } = reader.next();
  const short = tag === tags.utcTime;
  const digits = content.length - 1;
  const wellFormed = digits === (short ? 12 : 14) && content[digits] === 0x5a;
  if (!wellFormed || (!short && tag !== tags.generalizedTime)) throw reader.fault('has a broken time');
  const pairs: number[] = [];
  for (let at = 0; at < digits; at += 2) {
    const tens = (content[at] ?? 0) - 0x30;
    const ones = (content[at + 1] ?? 0) - 0x30;
    if (tens < 0 || tens > 9 || ones < 0 || ones > 9) throw reader.fault('has a broken time');
    pairs.push(10 * tens + ones);
  }
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = pairs.slice(-5);
  const [first = 0, next = 0] = pairs;
  const year = short ? first + (first < 50 ? 2000 : 1900) : 100 * first + next;
  const date = new Date(Date.UTC(2000, month - 1, day, hour, minute, second));
  date.setUTCFullYear(year, month - 1, day);
  // What overflowed into the next minute, day or month was no time.
  const same = date.getUTCSeconds() === second && date.getUTCMinutes() === minute && date.getUTCHours() === hour;
  if (!same || date.getUTCDate() !== day || date.getUTCMonth() !== month - 1) {
    throw reader.fault('has a time that does not exist');
  }
  if (!short && year < 2050) throw reader.fault('has a time in the longer form');
  return date;
}

/** Numbers of the bits that are set in a KeyUsage value. */
export function readKeyUsage(value: Uint8Array): number[] {
  const outer = new DerReader(value, 'keyUsage');
  const { content } = outer.expect(tags.bitString, 'keyUsage');
  outer.end();
  const bits: number[] = [];
  content.subarray(1).forEach((byte, index) => {
    for (let bit = 0; bit < 8; bit += 1) if ((byte & (0x80 >> bit)) !== 0) bits.push(index * 8 + bit);
  });
  return bits;
}

export interface BasicConstraints {
  readonly ca: boolean;
  readonly pathLength: number | undefined;
}

export function readBasicConstraints(value: Uint8Array): BasicConstraints {
  const outer = new DerReader(value, 'basicConstraints');
  const constraints = outer.enter(tags.sequence, 'basicConstraints');
  outer.end();
  const ca = constraints.defaultFalse('cA');
  const pathLength = constraints.peek() === tags.integer ? constraints.smallInteger('pathLenConstraint') : undefined;
  constraints.end();
  return { ca, pathLength };
}

export function readExtKeyUsage(value: Uint8Array): string[] {
  const outer = new DerReader(value, 'extKeyUsage');
  const usages = outer.enter(tags.sequence, 'extKeyUsage');
  outer.end();
  const found: string[] = [];
  while (!usages.done) found.push(usages.oid('keyPurposeId'));
  return found;
}

export interface GeneralName {
  readonly tag: number;
  readonly text: string;
}

export const uriTag = primitiveContextTag(6);
export const dnsTag = primitiveContextTag(2);

export function readAltNames(value: Uint8Array): GeneralName[] {
  const outer = new DerReader(value, 'subjectAltName');
  const names = outer.enter(tags.sequence, 'subjectAltName');
  outer.end();
  const found: GeneralName[] = [];
  while (!names.done) {
    const { tag, content } = names.next();
    found.push({ tag, text: Buffer.from(content).toString('latin1') });
  }
  return found;
}

export function readSubjectKeyId(value: Uint8Array): Uint8Array {
  const outer = new DerReader(value, 'subjectKeyIdentifier');
  const { content } = outer.expect(tags.octetString, 'keyIdentifier');
  outer.end();
  return content;
}

export function readAuthorityKeyId(value: Uint8Array): Uint8Array {
  const outer = new DerReader(value, 'authorityKeyIdentifier');
  const identifier = outer.enter(tags.sequence, 'authorityKeyIdentifier');
  outer.end();
  const { content } = identifier.expect(primitiveContextTag(0), 'keyIdentifier');
  identifier.end();
  return content;
}

/** Names of extensions, for people. */
export const extensionNames: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(oids).map(([name, dotted]) => [dotted, name]),
);
