import { splitDer } from '#ca/der/split.ts';
import { encodePem } from '#ca/pem.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { AuthoritySource } from './authority-source.ts';
import type { Ceremony } from './create-authority.ts';

export interface AuthorityFolder {
  readonly state: StateFolder;
}

export interface AuthorityOptions extends Ceremony, AuthorityFolder {
  readonly logger: Logger;
  readonly source: AuthoritySource;
}

type FileName = 'root.pem' | 'issuing.pem' | 'jwt-public.pem';

/** Where the public half of an authority lies, below the state folder, for the day that the ledger is lost. */
export function authorityFile(id: string, name: FileName): string {
  return `ca/authorities/${id}/${name}`;
}

export function writeAuthorityFiles({ state }: AuthorityFolder, { id, root, issuing, jwtKey }: AuthorityRecord): void {
  const chain = splitDer(issuing, 'issuing certificates').map((certificate) => encodePem('CERTIFICATE', certificate));
  state.write(authorityFile(id, 'root.pem'), encodePem('CERTIFICATE', root), 0o644);
  state.write(authorityFile(id, 'issuing.pem'), chain.join(''), 0o644);
  state.write(authorityFile(id, 'jwt-public.pem'), encodePem('PUBLIC KEY', jwtKey), 0o644);
}
