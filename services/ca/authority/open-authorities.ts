import { createPublicKey } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { readIssuer } from '#ca/issue/issuer.ts';
import { decodePem, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { Authorities } from './authorities.ts';
import { authorityFile, issuingKeyFile, type AuthorityOptions } from './authority-files.ts';
import { createAuthority } from './create-authority.ts';
import { readKeyFile, writeKeyFile } from './key-file.ts';
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
  return new Authorities(
    records.map((record) => loadAuthority(options, record)),
    sequence,
  );
}

/** Makes an authority and writes its files; whoever calls puts the record into the ledger, which makes it count. */
export async function makeAuthority(
  options: AuthorityOptions,
  state: AuthorityRecord['state'],
): Promise<AuthorityRecord> {
  const { passphrase, clock } = options;
  const made = await createAuthority(options);
  const id = Buffer.from(made.root.keyId).toString('hex').slice(0, 16);
  writeKeyFile(options.state, authorityFile(id, 'root-key.pem'), made.rootKey, passphrase);
  writeKeyFile(options.state, issuingKeyFile(id, made.issuing), made.issuingKey, passphrase);
  writeKeyFile(options.state, authorityFile(id, 'jwt-key.pem'), made.jwtKey, passphrase);
  options.state.write(authorityFile(id, 'root.pem'), encodePem('CERTIFICATE', made.root.der), 0o644);
  options.state.write(authorityFile(id, 'issuing.pem'), encodePem('CERTIFICATE', made.issuing.der), 0o644);
  const jwtKey = createPublicKey(made.jwtKey).export({ format: 'der', type: 'spki' });
  return { id, state, root: made.root.der, issuing: made.issuing.der, jwtKey, since: clock.now() };
}

/** Files of an authority that the ledger does not know: the ledger was lost. A new root would leave every workload stranded. */
async function adopt({ state, ledger, clock, logger, passphrase }: AuthorityOptions): Promise<boolean> {
  for (const id of foldersOf(state.join('ca/authorities'))) {
    const root = state.read(authorityFile(id, 'root.pem'));
    const issuing = state.read(authorityFile(id, 'issuing.pem'));
    if (root === undefined || issuing === undefined) continue;
    logger.warn('the ledger does not know this authority and takes it up again', { authority: id });
    const key = readKeyFile(state.join(authorityFile(id, 'jwt-key.pem')), passphrase);
    const jwtKey = createPublicKey(key).export({ format: 'der', type: 'spki' });
    const record = { id, root: der(root), issuing: der(issuing), jwtKey, since: clock.now() };
    await ledger.putAuthorities([{ ...record, state: 'active' }]);
    return true;
  }
  return false;
}

function der(pem: string): Uint8Array {
  const bytes = decodePem(pem, ['CERTIFICATE'], 'the certificate of the authority');
  readIssuer(bytes);
  return bytes;
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
