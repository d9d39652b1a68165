import { readdirSync } from 'node:fs';
import { splitDer } from '#ca/der/split.ts';
import { readIssuer, type Issuer } from '#ca/issue/issuer.ts';
import { decodePem, decodePems, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { Authorities } from './authorities.ts';
import { authorityFile, type AuthorityOptions } from './authority-files.ts';
import { createAuthority } from './create-authority.ts';
import { loadAuthority } from './load-authority.ts';

/** The authorities of this state folder; at the very first start there are none and one is made. */
export async function openAuthorities(options: AuthorityOptions): Promise<Authorities> {
  const { ledger, logger } = options;
  if ((await ledger.listAuthorities()).records.length === 0 && !(await adopt(options))) {
    const made = await makeAuthority(options, 'active');
    await ledger.putAuthorities([made]);
    logger.info('certificate authority created', { authority: made.id });
  }
  const { records, sequence } = await ledger.listAuthorities();
  for (const record of records) {
    const known =
      record.state === 'revoked' || options.state.read(authorityFile(record.id, 'jwt-public.pem')) !== undefined;
    if (!known) writeAuthorityFiles(options, record);
  }
  return new Authorities(await Promise.all(records.map((record) => loadAuthority(options, record))), sequence);
}

/** Makes an authority and keeps its keys; whoever calls puts the record into the ledger, which makes it count. */
export async function makeAuthority(
  options: AuthorityOptions,
  state: AuthorityRecord['state'],
): Promise<AuthorityRecord> {
  const { root, issuing, rootKey, issuingKey, jwtKey } = await createAuthority(options);
  const id = authorityId(root);
  for (const key of [rootKey, issuingKey, jwtKey]) await key.keep(id);
  const { spki } = jwtKey.signer.publicKey;
  const record = { id, state, root: root.der, issuing: issuing.der, jwtKey: spki, since: options.clock.now() };
  writeAuthorityFiles(options, record);
  return record;
}

/** By the key of the certificate that makes it one: its own root, or the intermediate that somebody else signed. */
export function authorityId({ keyId }: Issuer): string {
  return Buffer.from(keyId).toString('hex').slice(0, 16);
}

export function writeAuthorityFiles(
  { state }: Pick<AuthorityOptions, 'state'>,
  { id, root, issuing, jwtKey }: AuthorityRecord,
): void {
  const chain = splitDer(issuing, 'issuing certificates').map((certificate) => encodePem('CERTIFICATE', certificate));
  state.write(authorityFile(id, 'root.pem'), encodePem('CERTIFICATE', root), 0o644);
  state.write(authorityFile(id, 'issuing.pem'), chain.join(''), 0o644);
  state.write(authorityFile(id, 'jwt-public.pem'), encodePem('PUBLIC KEY', jwtKey), 0o644);
}

/** Files of an authority that the ledger does not know: the ledger was lost. A new root would leave every workload stranded. */
async function adopt({ state, ledger, clock, logger }: AuthorityOptions): Promise<boolean> {
  for (const id of foldersOf(state.join('ca/authorities'))) {
    const root = state.read(authorityFile(id, 'root.pem'));
    const issuing = state.read(authorityFile(id, 'issuing.pem'));
    const jwtKey = state.read(authorityFile(id, 'jwt-public.pem'));
    if (root === undefined || issuing === undefined || jwtKey === undefined) continue;
    logger.warn('the ledger does not know this authority and takes it up again', { authority: id });
    const record = {
      id,
      root: certificates(root)[0] ?? new Uint8Array(0),
      issuing: Buffer.concat(certificates(issuing)),
      jwtKey: decodePem(jwtKey, ['PUBLIC KEY'], 'the JWT key of the authority'),
      since: clock.now(),
    };
    await ledger.putAuthorities([{ ...record, state: 'active' }]);
    return true;
  }
  return false;
}

function certificates(pem: string): Uint8Array[] {
  const found = decodePems(pem, 'CERTIFICATE', 'the certificate of the authority');
  for (const der of found) readIssuer(der);
  return found;
}

function foldersOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new GarrisonError('FAILED_PRECONDITION', `\`${path}\` cannot be read`, {
      remedy: 'let the user that garrison runs as read it',
      cause: error,
    });
  }
}
