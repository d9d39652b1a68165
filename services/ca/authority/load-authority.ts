import type { KeyObject } from 'node:crypto';
import { splitDer } from '#ca/der/split.ts';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { jwtKeyOf, type JwtKey } from '#ca/jwt/jwt-key.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { Authority, SigningKeys } from './authorities.ts';
import { authorityFile, issuingKeyFile, type AuthorityOptions } from './authority-files.ts';
import { readKeyFile } from './key-file.ts';

/** Reads one authority's public half from the ledger and its signing keys from their files. The root's key stays where it is. */
export function loadAuthority(options: AuthorityOptions, record: AuthorityRecord): Authority {
  const root = readIssuer(record.root);
  const [first = new Uint8Array(0), ...above] = splitDer(record.issuing, 'issuing certificates');
  const issuing = readIssuer(first);
  const selfSigned = Buffer.compare(first, root.der) === 0;
  const chain = selfSigned ? [root.der] : [first, ...above, root.der];
  checkTrustDomain(options, root);
  const jwtKey = jwtKeyOf(record.jwtKey);
  // What signs no more needs no key: it may be gone.
  const signs = record.state === 'active' || record.state === 'prepared';
  const signers = signs ? loadSigners(options, record.id, issuing, jwtKey) : undefined;
  return { record, id: record.id, state: record.state, since: record.since, root, issuing, chain, jwtKey, signers };
}

function loadSigners(
  { state, passphrase }: AuthorityOptions,
  id: string,
  issuing: Issuer,
  { kid, key }: JwtKey,
): SigningKeys {
  const load = (name: string, fits: (key: KeyObject) => boolean): KeyObject => {
    const file = state.join(name);
    const found = readKeyFile(file, passphrase);
    if (fits(found)) return found;
    throw new GarrisonError('DATA_LOSS', `the private key \`${file}\` is not the one the ledger names`, {
      remedy: 'put the files of the authority back from the same backup',
    });
  };
  const x509 = load(issuingKeyFile(id, issuing), (found) => issuing.certificate.checkPrivateKey(found));
  const jwt = load(authorityFile(id, 'jwt-key.pem'), (found) => keySigner(found).publicKey.key.equals(key));
  return { x509: keySigner(x509), jwt: { kid, privateKey: jwt } };
}

function checkTrustDomain({ trustDomain, state }: AuthorityOptions, root: Issuer): void {
  const names = root.certificate.subjectAltName;
  if (names === `URI:spiffe://${trustDomain}`) return;
  const other = names?.replace('URI:spiffe://', '') ?? 'another one';
  throw new GarrisonError(
    'FAILED_PRECONDITION',
    `the state folder \`${state.path}\` holds the authority of the trust domain \`${other}\``,
    {
      place: 'trustDomain',
      remedy: `configure that trust domain, or choose another folder with the setting \`state\``,
    },
  );
}
