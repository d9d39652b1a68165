import { authorityId } from '#ca/authority-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityFolder } from '../authority/authority-files.ts';
import type { AuthoritySource } from '../authority/authority-source.ts';
import { recordGiven } from '../authority/given-authority.ts';
import type { Ceremony } from '../authority/create-authority.ts';
import type { BorrowedKeys } from '../keys/borrowed-keys.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import { lookIntoFolder } from './look-into-folder.ts';
import { readPluggedIn, type PluggedIn } from './read-plugged-in.ts';

interface Options extends Ceremony, AuthorityFolder {
  readonly keys: BorrowedKeys;
  readonly passphrase: string | undefined;
  /** Of the authority's own server. */
  readonly dnsNames: readonly string[];
}

export interface Refusal {
  readonly at: Date;
  readonly reason: string;
}

/** An authority that somebody else made and put into a folder, as Istio's `cacerts`. */
export class PluggedInSource implements AuthoritySource {
  readonly kind = 'plugged-in';
  readonly folder: string;
  readonly #options: Options;
  #good: PluggedIn;
  #refusal: Refusal | undefined;

  /** Throws where the folder holds no authority that could sign. */
  constructor(folder: string, options: Options) {
    this.folder = folder;
    this.#options = options;
    this.#good = this.#read();
  }

  /** What was read last and was whole. */
  get current(): PluggedIn {
    return this.#good;
  }

  wanted(): string {
    return authorityId(this.current.chain.issuing);
  }

  /** Reads the folder; throws and keeps what was good where something is wrong with it. */
  look(): void {
    this.#good = this.#read();
    this.#refusal = undefined;
  }

  #read(): PluggedIn {
    const { clock, keys } = this.#options;
    const found = readPluggedIn(lookIntoFolder(this.folder), { ...this.#options, now: clock.now() });
    if (found.signer === undefined) keys.miss(found.chain.issuing.publicKey, this.#keyMissing());
    else keys.borrow(found.signer);
    return found;
  }

  /** Why what lies in the folder now is not what signs. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  refused(error: GarrisonError, at: Date): void {
    this.#refusal = { at, reason: error.describe() };
  }

  #keyMissing(): GarrisonError {
    return new GarrisonError('FAILED_PRECONDITION', `\`ca-key.pem\` is missing in \`${this.folder}\``, {
      place: 'ca.pluggedIn',
      remedy: 'put the key of `ca-cert.pem` there; only a key in the token of `ca.keys` needs no file',
    });
  }

  further(): readonly Uint8Array[] {
    return this.current.roots;
  }

  async make(state: AuthorityRecord['state']): Promise<AuthorityRecord> {
    const { ledger, keys } = this.#options;
    const id = this.wanted();
    const { records } = await ledger.listAuthorities();
    if (records.some((one) => one.id === id)) {
      throw new GarrisonError('FAILED_PRECONDITION', 'the authority is plugged in', {
        place: 'ca.pluggedIn',
        remedy: `replace the files in \`${this.folder}\`: it is taken up by itself`,
      });
    }
    // Without `ca-key.pem` the key has to be in the key store.
    await keys.open({ authority: id, role: 'issuing', key: this.current.chain.issuing.publicKey });
    return recordGiven(this.#options, this.current.chain, state);
  }
}
