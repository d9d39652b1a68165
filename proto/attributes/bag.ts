/** A point in time, as google.protobuf.Timestamp: whole seconds since 1970 UTC and 0 ≤ nanos < 1e9. */
export class Timestamp {
  readonly seconds: bigint;
  readonly nanos: number;
  constructor(seconds: bigint, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }
  static fromDate(date: Date): Timestamp {
    const ms = date.getTime();
    const seconds = Math.floor(ms / 1000);
    return new Timestamp(BigInt(seconds), (ms - seconds * 1000) * 1_000_000);
  }
  toDate(): Date {
    return new Date(Number(this.seconds) * 1000 + this.nanos / 1_000_000);
  }
}

/** A span of time, as google.protobuf.Duration: seconds and nanos have the same sign. */
export class Duration {
  readonly seconds: bigint;
  readonly nanos: number;
  constructor(seconds: bigint, nanos: number) {
    this.seconds = seconds;
    this.nanos = nanos;
  }
  static fromMs(ms: number): Duration {
    const seconds = Math.trunc(ms / 1000);
    return new Duration(BigInt(seconds), Math.round((ms - seconds * 1000) * 1_000_000));
  }
  toMs(): number {
    return Number(this.seconds) * 1000 + this.nanos / 1_000_000;
  }
}

/** The value of a string-map attribute. */
export type StringMap = ReadonlyMap<string, string>;

/**
 * One typed fact. The JavaScript type is the attribute's type:
 * string, int64 (bigint), double (number), bool, timestamp, duration, bytes (an IP address is 4 or 16 of them), string map.
 */
export type AttributeValue = string | bigint | number | boolean | Timestamp | Duration | Uint8Array | StringMap;

/** Facts about one action, by attribute name. What the whole engine reads; nothing else is asked of a request. */
export interface AttributeBag {
  get(name: string): AttributeValue | undefined;
  /** Every attribute of the bag, in no promised order. */
  entries(): Iterable<readonly [string, AttributeValue]>;
}

/** A bag over a map: what the decoder produces and what tests and tools write by hand. */
export class MapBag implements AttributeBag {
  readonly #values: ReadonlyMap<string, AttributeValue>;
  constructor(values: ReadonlyMap<string, AttributeValue> | Iterable<readonly [string, AttributeValue]>) {
    this.#values = values instanceof Map ? values : new Map(values);
  }
  get(name: string): AttributeValue | undefined {
    return this.#values.get(name);
  }
  entries(): Iterable<readonly [string, AttributeValue]> {
    return this.#values.entries();
  }
}
