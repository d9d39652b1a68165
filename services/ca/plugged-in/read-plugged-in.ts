import { createPrivateKey } from 'node:crypto';
import type { GivenChain } from '#ca/issue/check-chain.ts';
import { checkGiven } from '#ca/issue/check-given.ts';
import { sameKey } from '#ca/keys/same-key.ts';
import { keySigner, type Signer } from '#ca/keys/signer.ts';
import { decodePems } from '#ca/pem.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** As Istio names them. */
export const pluggedInFiles = ['ca-cert.pem', 'ca-key.pem', 'cert-chain.pem', 'root-cert.pem', 'ca-crl.pem'] as const;
export type PluggedInFile = (typeof pluggedInFiles)[number];

/** What was found in the folder at one moment. */
export type PluggedInTexts = ReadonlyMap<PluggedInFile, string>;

export interface PluggedIn {
  readonly chain: GivenChain;
  /** DER of every root in `root-cert.pem`. */
  readonly roots: readonly Uint8Array[];
  /** Undefined: without `ca-key.pem`; the key is to be found in the key store. */
  readonly signer: Signer | undefined;
}

interface Around {
  readonly trustDomain: TrustDomain;
  /** Of the authority's own server. */
  readonly dnsNames?: readonly string[];
  readonly passphrase: string | undefined;
  readonly now: Date;
}

/** All files together or none: a chain with the key of another would sign what nobody accepts. */
export function readPluggedIn(
  texts: PluggedInTexts,
  { trustDomain, dnsNames = [], passphrase, now }: Around,
): PluggedIn {
  if (texts.has('ca-crl.pem')) {
    throw fault(
      'ca-crl.pem',
      'revocation lists are not read',
      'remove it; `garrison identity revoke` revokes certificates',
    );
  }
  const [certificate, ...more] = pems(texts, 'ca-cert.pem');
  if (certificate === undefined || more.length > 0) {
    throw fault('ca-cert.pem', 'holds more than one certificate', 'put those above it into `cert-chain.pem`');
  }
  const roots = pems(texts, 'root-cert.pem');
  const listed = texts.has('cert-chain.pem') ? pems(texts, 'cert-chain.pem') : [certificate];
  const [first = certificate] = listed;
  const whole = Buffer.compare(first, certificate) === 0 ? listed : [certificate, ...listed];
  const files = { issuing: 'ca-cert.pem', above: 'cert-chain.pem', root: 'root-cert.pem' };
  const rules = { trustDomain, dnsNames, intermediateBelow: false, place: 'ca.pluggedIn', files };
  const chain = checkGiven(whole, roots, now, rules);
  const key = texts.get('ca-key.pem');
  return { chain, roots, signer: key === undefined ? undefined : readKey(key, passphrase, chain) };
}

function pems(texts: PluggedInTexts, name: PluggedInFile): Uint8Array[] {
  const text = texts.get(name);
  if (text === undefined) throw fault(name, 'is not there', 'put it beside the others');
  return decodePems(text, 'CERTIFICATE', `\`${name}\``);
}

function readKey(pem: string, passphrase: string | undefined, { issuing }: GivenChain): Signer {
  let signer: Signer;
  try {
    signer = keySigner(createPrivateKey(passphrase === undefined ? pem : { key: pem, passphrase }));
  } catch (cause) {
    if (cause instanceof GarrisonError) throw cause;
    throw fault(
      'ca-key.pem',
      'is no private key that can be read',
      'give it in PEM, plain or encrypted with the passphrase in the file of `passphraseFile`',
    );
  }
  if (sameKey(signer.publicKey, issuing.publicKey)) return signer;
  throw fault('ca-key.pem', 'is not the key of `ca-cert.pem`', 'replace the files together');
}

function fault(file: PluggedInFile, why: string, remedy: string): GarrisonError {
  return new GarrisonError('FAILED_PRECONDITION', `\`${file}\` ${why}`, { place: 'ca.pluggedIn', remedy });
}
