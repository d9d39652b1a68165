import { GarrisonError } from '#proto/errors/index.ts';
import type { SerialHex } from '#ca/issue/serial.ts';
import type { Intent, JwtRecord, Outcome, Redemption } from '../port.ts';

export interface Fault {
  readonly kind: 'intent' | 'outcome';
  /** From 1. */
  readonly item: number;
  readonly fault: 'exists' | 'token' | 'absent';
}

/** What is written together, as the function `garrison.record` takes it. */
export interface Batch {
  readonly intents: readonly unknown[];
  readonly outcomes: readonly unknown[];
  readonly jwts: readonly unknown[];
}

interface Pending {
  readonly row: readonly unknown[];
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
  /** What a fault of this item means. */
  readonly refuse: (fault: Fault['fault']) => GarrisonError | Promise<GarrisonError>;
}

interface Queue {
  readonly intents: Pending[];
  readonly outcomes: Pending[];
  readonly jwts: Pending[];
}

const empty = (): Queue => ({ intents: [], outcomes: [], jwts: [] });

/**
 * While one batch is on its way, the next one gathers: intents of some certificates beside the outcomes of others.
 * A promise settles only after the database has said that the batch is on its disk.
 */
export class BatchWriter {
  readonly #send: (batch: Batch) => Promise<readonly Fault[]>;
  readonly #refuseToken: (redeem: Redemption) => Promise<GarrisonError>;
  #queue = empty();
  #sending: Promise<void> | undefined;

  constructor(
    send: (batch: Batch) => Promise<readonly Fault[]>,
    refuseToken: (redeem: Redemption) => Promise<GarrisonError>,
  ) {
    this.#send = send;
    this.#refuseToken = refuseToken;
  }

  intend(intent: Intent, redeem: Redemption | undefined): Promise<void> {
    const row = [
      ...[intent.serial, intent.profile, intent.spiffeId, intent.dnsNames.join(' ')],
      ...[intent.notBefore.getTime(), intent.notAfter.getTime(), intent.issuerKeyId],
      ...[intent.publicKeyHash, intent.tbsHash, intent.caller, intent.grant, intent.requestedAt.getTime()],
      ...[redeem?.hash ?? null, redeem?.at.getTime() ?? null],
    ];
    const exists = (): GarrisonError => new GarrisonError('UNAVAILABLE', 'the serial exists already');
    return this.#add('intents', row, (fault) =>
      fault === 'token' && redeem !== undefined ? this.#refuseToken(redeem) : exists(),
    );
  }

  conclude(serial: SerialHex, outcome: Outcome, at: Date): Promise<void> {
    const issued = outcome.kind === 'issued';
    const certificate = issued ? Buffer.from(outcome.certificate).toString('base64') : null;
    const row = [serial, outcome.kind, certificate, issued ? null : outcome.reason, at.getTime()];
    const message = `serial \`${serial}\` is not waiting for an outcome`;
    return this.#add('outcomes', row, () => new GarrisonError('INTERNAL', message));
  }

  noteJwt(jwt: JwtRecord): Promise<void> {
    const times = [jwt.issuedAt.getTime(), jwt.expiresAt.getTime()];
    const row = [jwt.spiffeId, JSON.stringify(jwt.audience), jwt.keyId, jwt.tokenHash, ...times, jwt.caller, jwt.grant];
    return this.#add('jwts', row, () => new GarrisonError('INTERNAL', 'the token was not recorded'));
  }

  /** When all that was asked for is settled. */
  async settled(): Promise<void> {
    while (this.#sending !== undefined) await this.#sending;
  }

  #add(
    to: keyof Queue,
    row: readonly unknown[],
    refuse: (fault: Fault['fault']) => GarrisonError | Promise<GarrisonError>,
  ): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.#queue[to].push({ row, resolve, reject, refuse });
      this.#sending ??= new Promise<void>((next) => setImmediate(next)).then(() => this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.intents.length + this.#queue.outcomes.length + this.#queue.jwts.length > 0) {
      const queue = this.#queue;
      this.#queue = empty();
      await this.#flush(queue);
    }
    this.#sending = undefined;
  }

  async #flush(queue: Queue): Promise<void> {
    const rows = (pending: readonly Pending[]): (readonly unknown[])[] => pending.map(({ row }) => row);
    const all = [...queue.intents, ...queue.outcomes, ...queue.jwts];
    try {
      const faults = await this.#send({
        intents: rows(queue.intents),
        outcomes: rows(queue.outcomes),
        jwts: rows(queue.jwts),
      });
      for (const { kind, item, fault } of faults) {
        const pending = (kind === 'intent' ? queue.intents : queue.outcomes)[item - 1];
        if (pending === undefined) continue;
        const refusal = pending.refuse(fault);
        // Awaited elsewhere: the next batch need not wait for the reason of this refusal.
        Promise.resolve(refusal).then(pending.reject, pending.reject);
      }
      const refused = new Set(faults.map(({ kind, item }) => `${kind} ${item}`));
      queue.intents.forEach((pending, index) => refused.has(`intent ${index + 1}`) || pending.resolve());
      queue.outcomes.forEach((pending, index) => refused.has(`outcome ${index + 1}`) || pending.resolve());
      for (const pending of queue.jwts) pending.resolve();
    } catch (error) {
      for (const pending of all) pending.reject(error);
    }
  }
}
