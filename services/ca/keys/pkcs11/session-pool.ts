import type { Session } from './session.ts';

/** Sessions of one connection, each lent to one caller at a time: a session can do one thing at once. */
export class SessionPool {
  readonly all: readonly Session[];
  readonly #free: Session[];
  readonly #waiting: ((session: Session) => void)[] = [];
  readonly #idle: (() => void)[] = [];

  constructor(sessions: readonly Session[]) {
    this.all = sessions;
    this.#free = [...sessions];
  }

  async lend<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = this.#free.pop() ?? (await new Promise<Session>((resolve) => this.#waiting.push(resolve)));
    try {
      return await work(session);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(session);
      else next(session);
      if (this.#free.length === this.all.length) for (const resolve of this.#idle.splice(0)) resolve();
    }
  }

  /** Resolves when nobody has a session: no other thread is inside the library for this connection. */
  idle(): Promise<void> {
    if (this.#free.length === this.all.length) return Promise.resolve();
    return new Promise((resolve) => this.#idle.push(resolve));
  }
}
