import * as read from '../certificate/read-certificate.ts';
import type { TbsCertificate } from '../certificate/read-certificate.ts';
import { keyUsages } from '../certificate/write-extensions.ts';
import { oids } from '../der/oids.ts';
import { signatureAlgorithm } from '../keys/signer.ts';
import { maxSpiffeIdBytes, parseSpiffeId } from '../spiffe-id.ts';
import { isDnsName } from './dns-name.ts';
import { keyIdOf } from './issuer.ts';
import type { CertificatePlan } from './prepare.ts';
import { profiles } from './profiles.ts';
import { serialBytes } from './serial.ts';

export interface LintRule {
  readonly id: string;
  /** What is wrong, if anything is. */
  readonly check: (tbs: TbsCertificate, plan: CertificatePlan) => string | undefined;
}

const emptyName = Uint8Array.of(0x30, 0);

function same(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function says(ok: boolean, fault: string): string | undefined {
  return ok ? undefined : fault;
}

/** Values of an extension through its reader; undefined where it is absent. */
function value<T>(tbs: TbsCertificate, name: string, reader: (bytes: Uint8Array) => T): T | undefined {
  const found = tbs.extensions.get(name);
  return found === undefined ? undefined : reader(found.value);
}

const uris = (tbs: TbsCertificate): string[] =>
  (value(tbs, oids.subjectAltName, read.readAltNames) ?? []).filter((n) => n.tag === read.uriTag).map((n) => n.text);

export const lintRules: readonly LintRule[] = [
  {
    id: 'RFC 5280 §4.1.2.2',
    check: ({ serial }, plan) => {
      const hex = Buffer.from(serial)
        .toString('hex')
        .padStart(2 * serialBytes, '0');
      if (hex !== plan.serial) return 'the serial is not the one that was allocated';
      if (serial.length > serialBytes || (serial.length === serialBytes && (serial[0] ?? 0) >= 0x80))
        return 'serial above 2^159';
      return says(serial.length > 8, 'the serial has fewer than 64 bits');
    },
  },
  {
    id: 'RFC 5280 §4.1.1.2',
    check: (tbs, plan) => {
      const expected = signatureAlgorithm((plan.issuer?.publicKey ?? plan.subjectKey).type);
      return says(same(tbs.signatureAlgorithm, expected), 'the algorithm is not the issuer’s');
    },
  },
  {
    id: 'RFC 5280 §4.1.2.4',
    check: (tbs, plan) => {
      if (same(tbs.issuer, emptyName)) return 'the issuer has no name';
      return says(same(tbs.issuer, plan.issuer?.subject ?? tbs.subject), 'the issuer is not named as it names itself');
    },
  },
  {
    id: 'RFC 5280 §4.1.2.5',
    check: ({ notBefore, notAfter }, { profile, validity, issuer }) => {
      if (notBefore.getTime() !== validity.notBefore.getTime() || notAfter.getTime() !== validity.notAfter.getTime()) {
        return 'the validity is not the one planned';
      }
      if (notAfter < notBefore) return 'the certificate ends before it begins';
      const seconds = (notAfter.getTime() - notBefore.getTime()) / 1000 + 1;
      // An hour of grace for back-dating.
      if (seconds > profiles[profile].maxSeconds + 3600) return `a validity of ${seconds} s is too long`;
      if (issuer === undefined) return undefined;
      const within = notBefore >= issuer.validity.notBefore && notAfter <= issuer.validity.notAfter;
      return says(within, 'the certificate outlives its issuer');
    },
  },
  {
    id: 'X509-SVID §2 subject',
    check: ({ subject }, { profile }) =>
      says(same(subject, emptyName) === profiles[profile].emptySubject, 'the subject is not what the profile says'),
  },
  {
    id: 'RFC 5280 §4.1.2.7',
    check: ({ spki }, { subjectKey, profile, issuer }) => {
      if (!same(spki, subjectKey.spki)) return 'the key is not the one that was proven';
      if (!profiles[profile].keys.includes(subjectKey.type)) return `the profile allows no ${subjectKey.type} key`;
      return says(issuer === undefined || !same(spki, issuer.publicKey.spki), 'subject and issuer share a key');
    },
  },
  {
    id: 'X509-SVID §4.1 basicConstraints',
    check: (tbs, { profile, issuer, pathLength }) => {
      const expected = profiles[profile];
      const constraints = value(tbs, oids.basicConstraints, read.readBasicConstraints);
      if (tbs.extensions.get(oids.basicConstraints)?.critical !== true) return 'not there or not critical';
      if (constraints?.ca !== expected.ca) return 'the authority bit is wrong';
      if (constraints.pathLength !== (pathLength ?? expected.pathLength)) return 'the path length is wrong';
      if (!expected.ca || issuer?.pathLength === undefined) return undefined;
      if (issuer.pathLength === 0) return 'the issuer may sign leaves only';
      const fits = constraints.pathLength !== undefined && constraints.pathLength < issuer.pathLength;
      return says(fits, 'more authorities could stand below it than below its issuer');
    },
  },
  {
    id: 'X509-SVID §4.3 keyUsage',
    check: (tbs, { profile, subjectKey }) => {
      const expected = profiles[profile].usages(subjectKey.type).map((usage) => keyUsages[usage]);
      if (tbs.extensions.get(oids.keyUsage)?.critical !== true) return 'not there or not critical';
      const found = value(tbs, oids.keyUsage, read.readKeyUsage) ?? [];
      return says(found.join() === expected.join(), `the bits are ${found.join(' ')}`);
    },
  },
  {
    id: 'X509-SVID §4.4 extKeyUsage',
    check: (tbs, { profile }) => {
      const expected = profiles[profile].serverAndClient ? [oids.serverAuth, oids.clientAuth].join() : undefined;
      return says(value(tbs, oids.extKeyUsage, read.readExtKeyUsage)?.join() === expected, 'not what the profile says');
    },
  },
  {
    id: 'RFC 5280 §4.2.1.1 key identifiers',
    check: (tbs, { subjectKey, issuer }) => {
      const own = value(tbs, oids.subjectKeyIdentifier, read.readSubjectKeyId);
      const authority = value(tbs, oids.authorityKeyIdentifier, read.readAuthorityKeyId);
      if (own === undefined || !same(own, keyIdOf(subjectKey))) return 'the subject key identifier is wrong';
      const right = authority !== undefined && same(authority, issuer?.keyId ?? own);
      return says(right, 'the authority key identifier is wrong');
    },
  },
  {
    id: 'X509-SVID §2 URI',
    check: (tbs, { id, profile }) => {
      const [uri, ...more] = uris(tbs);
      if (uri === undefined || more.length > 0) return `${more.length + (uri === undefined ? 0 : 1)} URI names`;
      if (uri.length > maxSpiffeIdBytes) return 'the URI is too long';
      if (uri !== id.toString()) return 'the URI is not the identity that was decided';
      const { path } = parseSpiffeId(uri);
      return says((path !== '') === profiles[profile].uriHasPath, 'the path is not what the profile says');
    },
  },
  {
    id: 'RFC 5280 §4.2.1.6 names',
    check: (tbs, { dnsNames }) => {
      const names = value(tbs, oids.subjectAltName, read.readAltNames) ?? [];
      const dns = names.filter((name) => name.tag === read.dnsTag).map((name) => name.text);
      if (names.length !== dns.length + 1) return 'names that are neither the URI nor DNS';
      if (dns.join('\n') !== dnsNames.join('\n')) return 'DNS names that were not planned';
      if (!dns.every(isDnsName)) return 'a DNS name that is none';
      const critical = tbs.extensions.get(oids.subjectAltName)?.critical;
      return says(critical === same(tbs.subject, emptyName), 'critical exactly when the subject is empty');
    },
  },
  {
    id: 'profile',
    check: (tbs, { profile }) => {
      const expected = profiles[profile].serverAndClient ? 6 : 5;
      return says(tbs.extensions.size === expected, `${tbs.extensions.size} extensions`);
    },
  },
];
