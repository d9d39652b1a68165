import { open } from 'node:fs/promises';
import type { KeySet } from '#policies/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { fileKey } from '#runtime/peer-credentials.ts';
import { parseKeySet } from '#services/keys/read-key-set.ts';

const maxBytes = 1024 * 1024;

/** The JSON Web Key Set in a file, read anew when the file is another one. The same file is the same object. */
export class FileKeys {
  readonly #file: string;
  #held: { readonly key: string; readonly set: KeySet } | undefined;

  constructor(file: string) {
    this.#file = file;
  }

  /** Rejects where there is no key set to be had now: what was read before is not trusted beyond its file. */
  async current(): Promise<KeySet> {
    try {
      await using handle = await open(this.#file, 'r');
      const stat = await handle.stat({ bigint: true });
      const key = fileKey(stat);
      if (this.#held?.key === key) return this.#held.set;
      if (stat.size > maxBytes) throw new GarrisonError('FAILED_PRECONDITION', 'it is longer than 1 MiB');
      const { set } = parseKeySet(await handle.readFile(), this.#file);
      this.#held = { key, set };
      return set;
    } catch (cause) {
      throw new GarrisonError('FAILED_PRECONDITION', `the keys in \`${this.#file}\` cannot be read`, {
        remedy: 'write a JSON Web Key Set there',
        cause,
      });
    }
  }
}
