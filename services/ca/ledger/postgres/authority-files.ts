import { readdirSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import type { StateFolder } from '#runtime/state-folder.ts';

export interface AuthorityFile {
  readonly name: string;
  readonly content: string;
}

/**
 * Files of authorities, as they lie in the state folder. Between processes they go through the database, private keys
 * encrypted only; a root's private key stays where it was made.
 */
export class AuthorityFiles {
  readonly #state: StateFolder;

  constructor(state: StateFolder) {
    this.#state = state;
  }

  collect(authority: string): AuthorityFile[] {
    const folder = `ca/authorities/${authority}`;
    return this.#names(folder).flatMap((file) => {
      const content = this.#state.read(`${folder}/${file}`);
      if (content === undefined) return [];
      refusePlain(file, content);
      return [{ name: `${folder}/${file}`, content }];
    });
  }

  place(files: readonly AuthorityFile[]): void {
    for (const { name, content } of files) {
      if (!/^ca\/authorities\/[0-9a-f]+\/[a-z0-9-]+\.pem$/.test(name) || name.endsWith('/root-key.pem')) continue;
      if (this.#state.read(name) === content) continue;
      this.#state.write(name, content, content.includes('PRIVATE KEY') ? 0o600 : 0o644);
    }
  }

  /** The keys of what is revoked; its certificates stay to be looked at. */
  remove(authority: string): void {
    const folder = `ca/authorities/${authority}`;
    for (const file of this.#names(folder)) if (file.includes('-key')) this.#state.remove(`${folder}/${file}`);
  }

  #names(folder: string): string[] {
    try {
      return readdirSync(this.#state.join(folder)).filter((file) => file.endsWith('.pem') && file !== 'root-key.pem');
    } catch {
      return [];
    }
  }
}

function refusePlain(file: string, content: string): void {
  if (!content.includes('PRIVATE KEY') || content.includes('ENCRYPTED PRIVATE KEY')) return;
  throw new GarrisonError(
    'FAILED_PRECONDITION',
    `the private key \`${file}\` is not encrypted, and authorities that share a database share their keys through it`,
    { place: 'ca.database', remedy: 'set a passphrase by `passphraseFile`' },
  );
}
