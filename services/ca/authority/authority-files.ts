import type { Issuer } from '#ca/issue/issuer.ts';
import type { Logger } from '#runtime/logger.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Ceremony } from './create-authority.ts';

export interface AuthorityOptions extends Ceremony {
  readonly state: StateFolder;
  /** Keys are written encrypted with it. */
  readonly passphrase: string | undefined;
  readonly logger: Logger;
}

type FileName = 'root.pem' | 'root-key.pem' | 'issuing.pem' | 'jwt-key.pem';

/** Where an authority's files lie, below the state folder. The root's key may be taken away: it is read only to make an intermediate. */
export function authorityFile(id: string, name: FileName): string {
  return `ca/authorities/${id}/${name}`;
}

/** Named by its key, so that a new one can be written beside the old before the ledger names it. */
export function issuingKeyFile(id: string, { keyId }: Issuer): string {
  return `ca/authorities/${id}/issuing-key-${Buffer.from(keyId).toString('hex').slice(0, 8)}.pem`;
}
