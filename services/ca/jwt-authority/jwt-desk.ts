import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { AuthorityDesk } from '../authority/authority-desk.ts';
import type { KeyStore } from '../keys/key-store.ts';
import type { AuthorityRecord, AuthorityState } from '../ledger/port.ts';
import { jwtRecord } from './jwt-authority.ts';
import { jwtKeyStates, jwtSigner, type JwtKeyState } from './jwt-keys.ts';

export interface JwtDeskOptions {
  readonly desk: AuthorityDesk;
  readonly authorities: Authorities;
  readonly keys: KeyStore;
  readonly clock: Clock;
}

/** Moves the keys of JWT-SVIDs through their life: prepared (published) → active (signs) → old (published) → revoked. */
export class JwtDesk {
  readonly #options: JwtDeskOptions;

  constructor(options: JwtDeskOptions) {
    this.#options = options;
  }

  /** A new key that everybody learns before it signs. */
  async prepare(): Promise<JwtKeyState> {
    const { desk, authorities, keys } = this.#options;
    let made = '';
    await desk.change(async () => {
      const waiting = authorities.jwt.find(({ state }) => state === 'prepared');
      if (waiting !== undefined) {
        throw new GarrisonError('ALREADY_EXISTS', `the key \`${waiting.jwtKey.kid}\` is prepared already`, {
          remedy: 'activate it',
        });
      }
      const key = await keys.make('jwt');
      const record = this.#record(key.signer.publicKey.spki, 'prepared');
      await key.keep(record.id);
      made = jwtKeyOf(record.jwtKey).kid;
      return [record];
    });
    return this.#find(made);
  }

  /** It signs from now on; the one that did is old. */
  async activate(kid: string): Promise<JwtKeyState> {
    const { desk, authorities } = this.#options;
    await desk.change(() => {
      const next = this.#find(kid);
      if (next.state !== 'prepared' || next.with !== undefined) {
        throw this.#refuse(next, 'only a prepared key can be activated');
      }
      const former = this.#find(jwtSigner(authorities).kid);
      return [this.#moved(former, 'old'), this.#moved(next, 'active')];
    });
    return this.#find(kid);
  }

  /** No token that it signed is worth anything from now on, and the private key is deleted: see `forgetJwtKey`. */
  async revoke(kid: string): Promise<JwtKeyState> {
    const { desk, authorities } = this.#options;
    await desk.change(() => {
      const key = this.#find(kid);
      if (key.state === 'revoked' || jwtSigner(authorities).kid === kid) {
        throw this.#refuse(key, 'what signs cannot be revoked, nor what is revoked');
      }
      return [this.#moved(key, 'revoked')];
    });
    const gone = authorities.jwt.find(({ jwtKey }) => jwtKey.kid === kid);
    if (gone !== undefined) await desk.forgetJwtKey(gone.record);
    return this.#find(kid);
  }

  #record(publicKey: Uint8Array, state: AuthorityState): AuthorityRecord {
    return jwtRecord(publicKey, state, this.#options.clock.now());
  }

  #moved({ jwtKey: { key } }: JwtKeyState, state: AuthorityState): AuthorityRecord {
    return this.#record(key.export({ format: 'der', type: 'spki' }), state);
  }

  #find(kid: string): JwtKeyState {
    const all = jwtKeyStates(this.#options.authorities);
    const found = all.find(({ jwtKey }) => jwtKey.kid === kid);
    if (found !== undefined) return found;
    throw new GarrisonError('NOT_FOUND', `no key of this trust domain has the id \`${kid.slice(0, 100)}\``, {
      remedy: '`garrison identity jwt list` shows those there are',
    });
  }

  #refuse({ jwtKey: { kid }, state }: JwtKeyState, rule: string): GarrisonError {
    return new GarrisonError('FAILED_PRECONDITION', `the key \`${kid}\` is ${state}, and ${rule}`, {
      remedy: '`garrison identity jwt list` shows which is which',
    });
  }
}
