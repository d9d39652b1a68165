import type { GarrisonError } from '#proto/errors/index.ts';
import type { AdminServer } from '#runtime/admin-server.ts';
import type { Authorities } from './authorities.ts';

export interface Trouble {
  readonly step: string;
  readonly authority: string;
  readonly since: Date;
  readonly reason: string;
}

/** What the authority needs and did not get: for `/status`, and for `/readyz` once what signs has ended. */
export class RenewalTrouble {
  readonly #readiness: AdminServer['readiness'];
  readonly #authorities: Authorities;
  #current: Trouble | undefined;
  /** What `/readyz` says, and how it says so no more. */
  #ended: { readonly why: string; readonly clear: () => void } | undefined;

  constructor({ readiness }: Pick<AdminServer, 'readiness'>, authorities: Authorities) {
    this.#readiness = readiness;
    this.#authorities = authorities;
  }

  get current(): Trouble | undefined {
    return this.#current;
  }

  failed(step: string, authority: string, error: GarrisonError, now: Date): void {
    const since = this.#current?.step === step ? this.#current.since : now;
    this.#current = { step, authority, since, reason: error.describe() };
  }

  over(now: Date): void {
    this.#current = undefined;
    this.look(now);
  }

  /** Whether what signs leaves has ended. Nothing is signed then, whatever else works. */
  look(now: Date): void {
    const active = this.#authorities.all.find(({ state }) => state === 'active');
    const ended = active !== undefined && active.issuing.validity.notAfter < now;
    const why = ended ? this.#why(active.id) : undefined;
    if (why === this.#ended?.why) return;
    const former = this.#ended;
    this.#ended = why === undefined ? undefined : { why, clear: this.#readiness.pending(why) };
    former?.clear();
  }

  #why(authority: string): string {
    const why = this.#current === undefined ? '' : `: ${this.#current.reason}`;
    return `the issuing certificate of \`${authority}\` has ended${why}`;
  }
}
