import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import { flags, normalUser, pinRefused, results } from './codes.ts';
import { findSlot, type TokenName } from './find-slot.ts';
import { CryptokiError, type Module } from './module.ts';
import type { Session } from './session.ts';
import { SessionPool } from './session-pool.ts';
import { unsignedLong } from './template.ts';

export interface TokenOptions {
  readonly module: Module;
  readonly token: TokenName;
  readonly pin: string;
  readonly clock: Clock;
  /** Why nothing can be signed; undefined as soon as it can again. */
  readonly onHealth?: (trouble: GarrisonError | undefined) => void;
}

/** Calls that may run at the same time. */
const sessions = 4;
const retryMs = 5000;

/** After these the session is gone, the token is, or both: only a new connection helps, if that does. */
const broken: ReadonlySet<number> = new Set([
  results.deviceError,
  results.deviceMemory,
  results.deviceRemoved,
  results.generalError,
  results.functionFailed,
  results.keyHandleInvalid,
  results.objectHandleInvalid,
  results.sessionClosed,
  results.sessionHandleInvalid,
  results.tokenNotPresent,
  results.tokenNotRecognized,
  results.userNotLoggedIn,
  results.cryptokiNotInitialized,
]);

/** A token that is logged in to. Comes back by itself when it was away, but never offers a refused PIN twice. */
export class Token implements AsyncDisposable {
  readonly #options: TokenOptions;
  readonly #stopped = new AbortController();
  /** Of broken connections, while calls on them have not come back. */
  readonly #left = new Set<SessionPool>();
  #pool: SessionPool | undefined;
  #connecting: Promise<SessionPool> | undefined;
  #recovering = false;
  #connections = 0;
  #refused: GarrisonError | undefined;

  private constructor(options: TokenOptions) {
    this.#options = options;
  }

  static async open(options: TokenOptions): Promise<Token> {
    const token = new Token(options);
    await token.#connected();
    return token;
  }

  /** Runs with a session of its own; a second time on a fresh connection where the first one broke. */
  async use<T>(work: (session: Session, module: Module) => Promise<T>): Promise<T> {
    const { module } = this.#options;
    const first = await this.#connected();
    try {
      return await first.lend((session) => work(session, module));
    } catch (error) {
      if (!isBroken(error)) throw this.#told(error);
      await this.#drop(first);
    }
    const second = await this.#connected();
    try {
      return await second.lend((session) => work(session, module));
    } catch (error) {
      const told = this.#told(error);
      if (isBroken(error)) {
        await this.#drop(second);
        this.#trouble(told);
      }
      throw told;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort();
    if (this.#pool !== undefined) await this.#drop(this.#pool);
  }

  #connected(): Promise<SessionPool> {
    if (this.#pool !== undefined) return Promise.resolve(this.#pool);
    this.#connecting ??= this.#connect().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  async #connect(): Promise<SessionPool> {
    if (this.#refused !== undefined) throw this.#refused;
    const { module, token, onHealth } = this.#options;
    const opened: Session[] = [];
    try {
      const slot = await findSlot(module, token);
      const connection = this.#connections + 1;
      for (let number = 0; number < sessions; number += 1) {
        const handle = unsignedLong();
        await module.call('openSession', slot, flags.serialSession | flags.rwSession, null, null, handle);
        opened.push({ handle: handle.readBigUInt64LE(), connection });
      }
      // One login is for all sessions that this process has with the token.
      await this.#login(opened[0]?.handle ?? 0n);
      this.#connections = connection;
      this.#pool = new SessionPool(opened);
      onHealth?.(undefined);
      return this.#pool;
    } catch (error) {
      await this.#close(opened);
      const told = this.#told(error);
      this.#trouble(told);
      throw told;
    }
  }

  async #login(session: bigint): Promise<void> {
    const { module, pin } = this.#options;
    const bytes = Buffer.from(pin, 'utf8');
    try {
      await module.call('login', session, normalUser, bytes, bytes.length);
    } catch (error) {
      if (!(error instanceof CryptokiError) || error.code === results.userAlreadyLoggedIn) return;
      if (!pinRefused.has(error.code)) throw error;
      // A token locks itself after a few wrong PINs: it is asked once.
      this.#refused = new GarrisonError('FAILED_PRECONDITION', `the token refuses the PIN (${error.message})`, {
        place: 'ca.keys.pin',
        remedy: 'put the right PIN there and start again; it is not tried a second time, lest the token lock itself',
      });
      throw this.#refused;
    } finally {
      bytes.fill(0);
    }
  }

  /** Not a pool that took its place since: that one may be sound. */
  async #drop(pool: SessionPool): Promise<void> {
    if (this.#pool !== pool) return;
    this.#pool = undefined;
    this.#left.add(pool);
    void pool.idle().then(() => this.#left.delete(pool));
    await this.#close(pool.all);
  }

  async #close(sessions: readonly Session[]): Promise<void> {
    const { module } = this.#options;
    for (const { handle } of sessions) await module.call('closeSession', handle).catch(() => undefined);
  }

  /** Tells it, and tries until it is over. */
  #trouble(told: GarrisonError): void {
    this.#options.onHealth?.(told);
    if (this.#recovering || this.#connections === 0 || this.#refused !== undefined) return;
    this.#recovering = true;
    void this.#recover().finally(() => (this.#recovering = false));
  }

  async #recover(): Promise<void> {
    const { signal } = this.#stopped;
    const { clock, module } = this.#options;
    while (this.#pool === undefined && this.#refused === undefined) {
      await clock.sleep(retryMs, signal);
      if (signal.aborted) return;
      try {
        await this.#connected();
        return;
      } catch {
        // Why not has been said.
      }
      await Promise.all([...this.#left].map((pool) => pool.idle()));
      this.#left.clear();
      await module.restart?.().catch(() => undefined);
    }
  }

  #told(error: unknown): GarrisonError {
    if (error instanceof GarrisonError) return error;
    const reason = error instanceof Error ? error.message : String(error);
    return new GarrisonError('UNAVAILABLE', `the token with the keys of the authority does not answer (${reason})`, {
      place: 'ca.keys',
      remedy: 'look whether it is there and works; signing goes on by itself when it does',
      cause: error,
    });
  }
}

function isBroken(error: unknown): boolean {
  return error instanceof CryptokiError && broken.has(error.code);
}
