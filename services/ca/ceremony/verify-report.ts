import { verify, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { readIssuer } from '#ca/issue/issuer.ts';
import { signatureHash } from '#ca/keys/signer.ts';
import { decodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { any, field, list, object, oneOf, parse, readYaml, string, type Fault, type Parsed } from '#schema/index.ts';
import { describeCertificate, reportKind } from './report.ts';

const text = string({ maxLength: 10_000 });
const certificate = object({
  subject: field(text, { required: true, describe: 'its name' }),
  serial: field(text, { required: true, describe: 'its serial' }),
  notBefore: field(text, { required: true, describe: 'its beginning' }),
  notAfter: field(text, { required: true, describe: 'its end' }),
  keyId: field(text, { required: true, describe: 'its key’s identifier' }),
  sha256: field(text, { required: true, describe: 'its hash' }),
  publicKeySha256: field(text, { required: true, describe: 'its key’s hash' }),
  pem: field(text, { required: true, describe: 'the certificate' }),
  key: field(text, { required: true, describe: 'where its key was made' }),
});
const shape = object({
  kind: field(oneOf([reportKind]), { required: true, describe: 'what this is' }),
  begun: field(text, { required: true, describe: 'when' }),
  ended: field(text, { required: true, describe: 'until when' }),
  garrison: field(text, { required: true, describe: 'the version of garrison' }),
  node: field(text, { required: true, describe: 'the version of Node' }),
  input: field(any(), { required: true, describe: 'the file it was done with' }),
  witnesses: field(list(text), { required: true, describe: 'who was there' }),
  trustDomain: field(text, { required: true, describe: 'what the root is for' }),
  authority: field(text, { required: true, describe: 'what the authority is called' }),
  root: field(certificate, { required: true, describe: 'the root' }),
  issuing: field(certificate, { required: true, describe: 'the intermediate' }),
  jwtKey: field(any(), { required: true, describe: 'the key of tokens' }),
});
export type ReadReport = Parsed<typeof shape>;

export interface ReportVerdict {
  readonly report: ReadReport;
  /** What is wrong with it; none: the root signed it, and it says of its certificates what they say. */
  readonly faults: readonly string[];
}

/** Whether the root that a report is about signed it. A root given beside it must be that one. */
export function verifyReport(file: string, pinned: Uint8Array | undefined): ReportVerdict {
  const bytes = read(file);
  const signature = read(`${file}.sig`);
  const report = parseReport(bytes, file);
  const root = readIssuer(decodePem(report.root.pem, ['CERTIFICATE'], 'the root of the report'));
  const issuing = readIssuer(decodePem(report.issuing.pem, ['CERTIFICATE'], 'the intermediate of the report'));
  const { key, type } = root.publicKey;
  const told = ({ key: _, ...rest }: ReadReport['root'], der: Uint8Array): boolean =>
    isDeepStrictEqual({ ...rest }, { ...describeCertificate(der) });
  const checks: readonly (readonly [boolean, string])[] = [
    [verify(signatureHash(type), bytes, key, signature), 'the signature is not the root’s'],
    [root.certificate.verify(key), 'the root did not sign itself'],
    [issuing.certificate.verify(key), 'the root did not sign the intermediate'],
    [told(report.root, root.der) && told(report.issuing, issuing.der), 'it says other things than its certificates'],
    [pinned === undefined || Buffer.compare(new X509Certificate(pinned).raw, root.der) === 0, 'it is of another root'],
  ];
  return { report, faults: checks.flatMap(([right, fault]) => (right ? [] : [fault])) };
}

function parseReport(bytes: Buffer, file: string): ReadReport {
  const faults: Fault[] = [];
  const document = readYaml(bytes, file);
  const [first] = document.documents;
  const report = first === undefined ? undefined : parse(shape, first, (fault) => faults.push(fault));
  if (report !== undefined && faults.length === 0 && document.faults.length === 0) return report;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${file}\` is no report of a ceremony`, {
    place: '--verify',
    remedy: 'name the file that `identity init --from` wrote',
  });
}

function read(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (cause) {
    throw new GarrisonError('NOT_FOUND', `\`${file}\` cannot be read`, {
      place: '--verify',
      remedy: 'a report and its signature (`.sig`) belong together',
      cause,
    });
  }
}
