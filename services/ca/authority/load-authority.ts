import { authorityId } from '#ca/authority-id.ts';
import { splitDer } from '#ca/der/split.ts';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { jwtKeyOf, type JwtKey } from '#ca/jwt/jwt-key.ts';
import { readPublicKey } from '#ca/keys/public-key.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { isJwtRecord, loadJwtAuthority, type JwtAuthority } from '../jwt-authority/jwt-authority.ts';
import type { Authority, SigningKeys } from './authorities.ts';
import type { AuthorityOptions } from './authority-files.ts';

/** Everything that the ledger names: authorities with a root, and keys that sign JWT-SVIDs alone. */
export async function loadAuthorities(
  options: AuthorityOptions,
  records: readonly AuthorityRecord[],
): Promise<{ readonly x509: readonly Authority[]; readonly jwt: readonly JwtAuthority[] }> {
  const [jwt, x509] = [records.filter(isJwtRecord), records.filter((record) => !isJwtRecord(record))];
  return {
    x509: await Promise.all(x509.map((record) => loadAuthority(options, record))),
    jwt: await Promise.all(jwt.map((record) => loadJwtAuthority(options.keys, record))),
  };
}

/** Reads one authority's public half from the ledger and opens its signing keys. The root's key stays where it is. */
async function loadAuthority(options: AuthorityOptions, record: AuthorityRecord): Promise<Authority> {
  const root = readIssuer(record.root);
  const [first = new Uint8Array(0), ...above] = splitDer(record.issuing, 'issuing certificates');
  const issuing = readIssuer(first);
  const selfSigned = Buffer.compare(first, root.der) === 0;
  const chain = selfSigned ? [root.der] : [first, ...above, root.der];
  checkTrustDomain(options, root);
  const jwtKey = jwtKeyOf(record.jwtKey);
  // What signs no more needs no key: it may be gone.
  const signs = record.state === 'active' || record.state === 'prepared';
  const signers = signs ? await openSigners(options, record, issuing, jwtKey) : undefined;
  const { id, state, since } = record;
  const given = id !== authorityId(root);
  return { record, id, state, since, given, root, issuing, chain, jwtKey, signers };
}

async function openSigners(
  { keys }: AuthorityOptions,
  { id: authority, jwtKey }: AuthorityRecord,
  issuing: Issuer,
  { kid }: JwtKey,
): Promise<SigningKeys> {
  const x509 = await keys.open({ authority, role: 'issuing', key: issuing.publicKey });
  const jwt = await keys.open({ authority, role: 'jwt', key: readPublicKey(jwtKey) });
  return { x509, jwt: { kid, signer: jwt } };
}

function checkTrustDomain({ trustDomain, state }: AuthorityOptions, root: Issuer): void {
  const names = root.certificate.subjectAltName ?? '';
  // A root of somebody else's need not name a trust domain.
  if (names === `URI:spiffe://${trustDomain}` || !names.includes('URI:spiffe://')) return;
  const other = names.replace('URI:spiffe://', '');
  throw new GarrisonError(
    'FAILED_PRECONDITION',
    `the state folder \`${state.path}\` holds the authority of the trust domain \`${other}\``,
    {
      place: 'trustDomain',
      remedy: `configure that trust domain, or choose another folder with the setting \`state\``,
    },
  );
}
