import { readdirSync } from 'node:fs';
import { encodePem, decodePem } from '#ca/pem.ts';
import { readIssuer } from '#ca/issue/issuer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { Authorities } from './authorities.ts';
import { authorityFile, type AuthorityOptions } from './authority-files.ts';
import { createAuthority } from './create-authority.ts';
import { loadAuthority } from './load-authority.ts';
import { writeKeyFile } from './key-file.ts';

/** The authorities of this state folder; at the very first start there are none and one is made. */
export async function openAuthorities(options: AuthorityOptions): Promise<Authorities> {
  const { ledger, logger } = options;
  let records = await ledger.listAuthorities();
  if (records.length === 0) {
    const adopted = await adopt(options);
    if (adopted === undefined) {
      const id = await makeAuthority(options, 'active');
      logger.info('certificate authority created', { authority: id });
    }
    records = await ledger.listAuthorities();
  }
  return new Authorities(records.map((record) => loadAuthority(options, record)));
}

/** Makes an authority, writes its files, and only then puts it on the list. */
export async function makeAuthority(options: AuthorityOptions, state: AuthorityRecord['state']): Promise<string> {
  const { ledger, clock, passphrase } = options;
  const made = await createAuthority(options);
  const id = Buffer.from(made.root.keyId).toString('hex').slice(0, 16);
  writeKeyFile(options.state, authorityFile(id, 'root-key.pem'), made.rootKey, passphrase);
  writeKeyFile(options.state, authorityFile(id, 'issuing-key.pem'), made.issuingKey, passphrase);
  options.state.write(authorityFile(id, 'root.pem'), encodePem('CERTIFICATE', made.root.der), 0o644);
  options.state.write(authorityFile(id, 'issuing.pem'), encodePem('CERTIFICATE', made.issuing.der), 0o644);
  await ledger.putAuthority({ id, state, root: made.root.der, issuing: made.issuing.der, since: clock.now() });
  return id;
}

/** Files of an authority that the ledger does not know: the ledger was lost. A new root would leave every workload stranded. */
async function adopt({ state, ledger, clock, logger }: AuthorityOptions): Promise<string | undefined> {
  for (const id of foldersOf(state.join('ca/authorities'))) {
    const root = state.read(authorityFile(id, 'root.pem'));
    const issuing = state.read(authorityFile(id, 'issuing.pem'));
    if (root === undefined || issuing === undefined) continue;
    logger.warn('the ledger does not know this authority and takes it up again', { authority: id });
    await ledger.putAuthority({ id, state: 'active', root: der(root), issuing: der(issuing), since: clock.now() });
    return id;
  }
  return undefined;
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
