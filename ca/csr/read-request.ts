import { verify } from 'node:crypto';
import { GarrisonError } from '#proto/errors/index.ts';
import { checkCanonical } from '../der/canonical.ts';
import { oids } from '../der/oids.ts';
import { DerReader } from '../der/read.ts';
import { contextTag, tags } from '../der/tags.ts';
import { readPublicKey, type KeyType, type PublicKey } from '../keys/public-key.ts';
import { checkName } from './check-name.ts';
import { readRequestedNames, type RequestedNames } from './requested-names.ts';

/** What a PKCS#10 request proves: possession of the private key to `publicKey`. Everything else in it is hearsay. */
export interface CertificateRequest {
  readonly publicKey: PublicKey;
  /** What the request would like to be called: for records and refusals, never for a certificate. */
  readonly names: RequestedNames;
}

/** An RSA-4096 request with ample names is under 3 KiB. */
export const maxRequestBytes = 8192;
const place = 'certificate request';

const signatureHashes: Readonly<Record<string, { readonly keys: readonly KeyType[]; readonly hash: string | null }>> = {
  [oids.ecdsaWithSha256]: { keys: ['ecdsa-p256', 'ecdsa-p384'], hash: 'sha256' },
  [oids.ecdsaWithSha384]: { keys: ['ecdsa-p256', 'ecdsa-p384'], hash: 'sha384' },
  [oids.ecdsaWithSha512]: { keys: ['ecdsa-p256', 'ecdsa-p384'], hash: 'sha512' },
  [oids.ed25519]: { keys: ['ed25519'], hash: null },
  [oids.sha256WithRsa]: { keys: ['rsa'], hash: 'sha256' },
  [oids.sha384WithRsa]: { keys: ['rsa'], hash: 'sha384' },
  [oids.sha512WithRsa]: { keys: ['rsa'], hash: 'sha512' },
};

/** Reads a DER request strictly and checks its signature over the very bytes received (RFC 2986 §4). */
export function readRequest(der: Uint8Array): CertificateRequest {
  if (der.length > maxRequestBytes) throw refusal(`is longer than ${maxRequestBytes} bytes`);
  checkCanonical(der, place);
  const outer = new DerReader(der, place);
  const request = outer.enter(tags.sequence, 'certificationRequest');
  outer.end();
  const info = request.expect(tags.sequence, 'certificationRequestInfo');
  const algorithm = readAlgorithm(request.enter(tags.sequence, 'signatureAlgorithm'));
  const signature = request.octetsOfBitString('signature');
  request.end();
  const { publicKey, names } = readInfo(request.inside(info, 'certificationRequestInfo'));
  checkSignature(info.raw, algorithm, signature, publicKey);
  return { publicKey, names };
}

function readInfo(info: DerReader): CertificateRequest {
  if (info.smallInteger('version') !== 0) throw refusal('has a version other than 1');
  checkName(info.enter(tags.sequence, 'subject'));
  const publicKey = readPublicKey(info.expect(tags.sequence, 'subjectPKInfo').raw, `${place}'s public key`);
  const names = readRequestedNames(info.enter(contextTag(0), 'attributes'));
  info.end();
  return { publicKey, names };
}

function readAlgorithm(algorithm: DerReader): string {
  const name = algorithm.oid('algorithm');
  // RFC 4055 §5 demands NULL parameters with RSA; RFC 5758 and RFC 8410 forbid any with the others.
  if (signatureHashes[name]?.keys.includes('rsa') === true) algorithm.expect(tags.null, 'parameters');
  algorithm.end();
  return name;
}

function checkSignature(signed: Uint8Array, algorithm: string, signature: Uint8Array, publicKey: PublicKey): void {
  const known = signatureHashes[algorithm];
  if (known === undefined) throw refusal(`is signed with an algorithm that is not accepted, \`${algorithm}\``);
  if (!known.keys.includes(publicKey.type)) throw refusal('is signed with an algorithm that is not its key’s');
  if (!verify(known.hash, signed, publicKey.key, signature)) {
    throw refusal('has a signature that its own key did not make', 'sign the request with the private key it is for');
  }
}

function refusal(why: string, remedy?: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `${place} ${why}`, remedy === undefined ? {} : { remedy });
}
