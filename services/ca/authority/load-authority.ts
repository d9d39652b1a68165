import type { KeyObject } from 'node:crypto';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { Authority } from './authorities.ts';
import { readKeyFile } from './key-file.ts';
import { authorityFile, type AuthorityOptions } from './authority-files.ts';

/** Reads one authority's public half from the ledger and its signing key from its file. The root's key stays where it is. */
export function loadAuthority(options: AuthorityOptions, record: AuthorityRecord): Authority {
  const root = readIssuer(record.root);
  const issuing = readIssuer(record.issuing);
  checkTrustDomain(options, root);
  const known = { id: record.id, state: record.state, since: record.since, root, issuing };
  // What signs no more needs no key: it may be gone.
  if (record.state !== 'active' && record.state !== 'prepared') return { ...known, signer: undefined };
  const file = options.state.join(authorityFile(record.id, 'issuing-key.pem'));
  const key = readKeyFile(file, options.passphrase);
  checkKey(key, issuing, file);
  return { ...known, signer: keySigner(key) };
}

function checkKey(key: KeyObject, issuing: Issuer, file: string): void {
  if (issuing.certificate.checkPrivateKey(key)) return;
  throw new GarrisonError('DATA_LOSS', `the private key \`${file}\` is not the one of its certificate`, {
    remedy: 'put both back from the same backup',
  });
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
