import { X509Certificate } from 'node:crypto';
import { serialOf } from '#ca/issue/serial.ts';
import { asGarrisonError, GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import { formatAddress, type Address } from '#runtime/address.ts';
import type { Clock } from '#runtime/clock.ts';
import type { IdentitySource } from '#runtime/identity-source.ts';
import type { Logger } from '#runtime/logger.ts';

export interface AboveTrouble {
  readonly since: Date;
  readonly reason: string;
}

interface Around {
  readonly clock: Pick<Clock, 'now'>;
  readonly logger: Logger;
}

/** One that starts again is away for a moment; that is nothing to tell. */
const failuresUntilAway = 3;
/** Whatever else a stream ends with is its end. */
const refusals: ReadonlySet<string> = new Set(['UNAUTHENTICATED', 'PERMISSION_DENIED', 'FAILED_PRECONDITION']);

/** What is wrong between this authority and the one above: told once, again when it is something else, and when it is over. */
export class UpstreamTrouble {
  readonly #address: string;
  readonly #newIdentity: string;
  readonly #around: Around;
  #failures = 0;
  #away: string | undefined;
  #refused: string | undefined;
  #revoked: ReadonlySet<string> = new Set();
  #told = '';
  #current: AboveTrouble | undefined;

  /** `newIdentity` is how this one is given another identity. */
  constructor(address: Address, newIdentity: string, around: Around) {
    this.#address = formatAddress(address);
    this.#newIdentity = newIdentity;
    this.#around = around;
  }

  get current(): AboveTrouble | undefined {
    return this.#current;
  }

  /** It said something; with it, which certificates count no more. */
  heard(revoked: ReadonlySet<string>, identity: IdentitySource): void {
    this.#failures = 0;
    this.#away = undefined;
    this.#revoked = revoked;
    this.looked(identity);
  }

  /** This one's identity may be another one now. */
  looked(identity: IdentitySource): void {
    const { certificates, spiffeId } = identity.current();
    const [leaf] = certificates;
    const isRevoked = leaf !== undefined && this.#revoked.has(serialOf(new X509Certificate(leaf)));
    this.#refused = isRevoked ? `\`${spiffeId.toString()}\`, this authority’s identity there, was revoked` : undefined;
    this.#tell();
  }

  /** There was no way to hear what it says. */
  failed(error: unknown): void {
    const known = asGarrisonError(error);
    this.#failures += 1;
    if (refusals.has(known.code)) this.#refused = known.message;
    else if (this.#failures >= failuresUntilAway) this.#away = `does not answer: ${known.message}`;
    this.#tell();
  }

  /** For whoever asked for something from above: the one that is away is not the one that was asked. */
  describe(error: unknown): GarrisonError {
    const known = asGarrisonError(error);
    const above = `the authority above, at \`${this.#address}\`,`;
    const place = 'ca.upstream.spiffe';
    // Whom it refuses it lets end in the middle of TLS, as if it were not there.
    if (this.#refused !== undefined) {
      const remedy = this.#newIdentity;
      return new GarrisonError('UNAUTHENTICATED', `${above} refuses: ${this.#refused}`, {
        place,
        remedy,
        cause: known,
      });
    }
    if (isUnreachable(error)) {
      const remedy = 'start that one, or correct its `address`; this one goes on until its own intermediate ends';
      return new GarrisonError('UNAVAILABLE', `${above} does not answer: ${error.message}`, {
        place,
        remedy,
        cause: error,
      });
    }
    const { code, message, remedy } = known;
    const more = remedy === undefined ? {} : { remedy };
    return new GarrisonError(code, `${above} refuses: ${message}`, { place, ...more, cause: known });
  }

  #tell(): void {
    const { clock, logger } = this.#around;
    // What it is away by changes with every attempt, and says nothing new.
    const kind = this.#refused ?? (this.#away === undefined ? '' : 'away');
    const before = this.#told;
    this.#told = kind;
    const reason = this.#refused === undefined ? this.#away : `${this.#refused}; ${this.#newIdentity}`;
    if (reason === undefined) {
      this.#current = undefined;
      if (before !== '') logger.info('the authority above is heard again', { address: this.#address });
      return;
    }
    const since = kind === before && this.#current !== undefined ? this.#current.since : clock.now();
    this.#current = { since, reason };
    if (kind === before) return;
    logger.warn('nothing new comes from the authority above', { address: this.#address, reason });
  }
}
