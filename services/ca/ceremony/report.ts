import { createHash, X509Certificate } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { keyIdOf, readIssuer } from '#ca/issue/issuer.ts';
import { serialOf } from '#ca/issue/serial.ts';
import { readPublicKey } from '#ca/keys/public-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import { encodePem } from '#ca/pem.ts';
import type { CaKeysConfig } from '#runtime/config/ca-keys-config.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { ReadPlan } from './ceremony-plan.ts';

export const reportKind = 'garrison.ceremony/v1';

export interface ReportedCertificate {
  readonly subject: string;
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  readonly keyId: string;
  /** SHA-256 of the certificate and of its public key, hexadecimal. */
  readonly sha256: string;
  readonly publicKeySha256: string;
  readonly pem: string;
}

export interface CeremonyReport {
  readonly kind: typeof reportKind;
  readonly begun: string;
  readonly ended: string;
  readonly garrison: string;
  readonly node: string;
  readonly input: { readonly file: string; readonly sha256: string };
  readonly witnesses: readonly string[];
  readonly trustDomain: string;
  readonly authority: string;
  readonly root: ReportedCertificate & { readonly key: string };
  readonly issuing: ReportedCertificate & { readonly key: string };
  readonly jwtKey: { readonly publicKeySha256: string };
}

export function describeCeremony(
  { plan, file, sha256 }: ReadPlan,
  { id, root, issuing, jwtKey }: AuthorityRecord,
  { begun, ended, version }: { begun: Date; ended: Date; version: string },
): CeremonyReport {
  return {
    kind: reportKind,
    begun: begun.toISOString(),
    ended: ended.toISOString(),
    garrison: version,
    node: process.versions.node,
    input: { file: path.basename(file), sha256 },
    witnesses: plan.witnesses,
    trustDomain: plan.trustDomain,
    authority: id,
    root: { ...describeCertificate(root), key: whereOf(plan.root.keys) },
    issuing: { ...describeCertificate(issuing), key: whereOf(plan.issuing.keys) },
    jwtKey: { publicKeySha256: hash(readPublicKey(jwtKey).spki) },
  };
}

export function describeCertificate(der: Uint8Array): ReportedCertificate {
  const { publicKey, validity } = readIssuer(der);
  const certificate = new X509Certificate(der);
  return {
    subject: certificate.subject.replaceAll('\n', ', '),
    serial: serialOf(certificate),
    notBefore: validity.notBefore.toISOString(),
    notAfter: validity.notAfter.toISOString(),
    keyId: Buffer.from(keyIdOf(publicKey)).toString('hex'),
    sha256: hash(der),
    publicKeySha256: hash(publicKey.spki),
    pem: encodePem('CERTIFICATE', der),
  };
}

function whereOf(keys: CaKeysConfig): string {
  if (keys.kind === 'file') return 'encrypted file';
  return 'label' in keys.token ? `token \`${keys.token.label}\`` : `token in slot ${keys.token.slot}`;
}

function hash(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/** The text and, beside it in `.sig`, the root's signature over these very bytes: OpenSSL can check it. */
export async function writeReport(file: string, report: CeremonyReport, root: Signer): Promise<void> {
  const text = `${JSON.stringify(report, null, 2)}\n`;
  const signature = await root.sign(Buffer.from(text, 'utf8'));
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text, { flag: 'wx', mode: 0o644 });
  writeFileSync(`${file}.sig`, signature, { flag: 'wx', mode: 0o644 });
}
