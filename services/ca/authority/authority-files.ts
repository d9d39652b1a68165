import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Ceremony } from './create-authority.ts';

export interface AuthorityOptions extends Ceremony {
  readonly state: StateFolder;
  /** Keys are written encrypted with it. */
  readonly passphrase: string | undefined;
  readonly logger: Logger;
}

type FileName = 'root.pem' | 'root-key.pem' | 'issuing.pem' | 'issuing-key.pem';

/** Where an authority's files lie, below the state folder. The root's key may be taken away: it is read only to make an intermediate. */
export function authorityFile(id: string, name: FileName): string {
  return `ca/authorities/${id}/${name}`;
}
