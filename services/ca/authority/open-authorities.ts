import { readdirSync } from 'node:fs';
import { readIssuer } from '#ca/issue/issuer.ts';
import { decodePem, decodePems } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { Authorities } from './authorities.ts';
import { authorityFile, writeAuthorityFiles, type AuthorityOptions } from './authority-files.ts';
import { isJwtRecord } from '../jwt-authority/jwt-authority.ts';
import { loadAuthorities } from './load-authority.ts';
import { settleAuthorities } from './settle-authorities.ts';

/** The authorities of this state folder; at the very first start there are none and one is made. */
export async function openAuthorities(options: AuthorityOptions): Promise<Authorities> {
  const { ledger, logger, source } = options;
  const before = (await ledger.listAuthorities()).records.filter((record) => !isJwtRecord(record));
  if (before.length > 0) {
    await settleAuthorities(options, before);
  } else if (!(await adopt(options))) {
    const made = await source.make('active');
    await ledger.putAuthorities([made]);
    logger.info('certificate authority created', { authority: made.id, source: source.kind });
  }
  const { records, sequence } = await ledger.listAuthorities();
  for (const record of records) {
    const known =
      isJwtRecord(record) ||
      record.state === 'revoked' ||
      options.state.read(authorityFile(record.id, 'jwt-public.pem')) !== undefined;
    if (!known) writeAuthorityFiles(options, record);
  }
  const { x509, jwt } = await loadAuthorities(options, records);
  return new Authorities(x509, sequence, source.further(), jwt);
}

/** Files of an authority that the ledger does not know: the ledger was lost. A new root would leave every workload stranded. */
async function adopt({ state, ledger, clock, logger, source }: AuthorityOptions): Promise<boolean> {
  if (source.kind !== 'own') return false;
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
