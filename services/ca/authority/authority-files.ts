import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Ceremony } from './create-authority.ts';

export interface AuthorityOptions extends Ceremony {
  readonly state: StateFolder;
  readonly logger: Logger;
}

type FileName = 'root.pem' | 'issuing.pem' | 'jwt-public.pem';

/** Where the public half of an authority lies, below the state folder, for the day that the ledger is lost. */
export function authorityFile(id: string, name: FileName): string {
  return `ca/authorities/${id}/${name}`;
}
