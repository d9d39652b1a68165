import { underivable } from '../decide/facts.ts';
import type { Facts } from '../decide/facts.ts';
import { listenPortOf } from '../decide/listen-port.ts';
import type { Address, Block } from './address.ts';
import { BlockTable } from './block-table.ts';
import type { Lens } from './lens.ts';
import type { Mode } from './mode.ts';
import type { Pattern } from './pattern.ts';
import type { Matcher } from './text-matcher.ts';

/**
 * A value that a request must have for a list to match: what a rule can be found by.
 * A request that matches the list always hits at least one of the list's keys; the reverse need not hold.
 */
export type Key =
  | { readonly kind: 'text'; readonly lens: Lens; readonly pattern: Pattern }
  | { readonly kind: 'block'; readonly from: AddressSource; readonly block: Block }
  | { readonly kind: 'port'; readonly port: number };

/** One list of one field, compared with one request. */
export interface FieldTest {
  test(facts: Facts): boolean;
  keys(): readonly Key[];
  /** A request with one reading only matches exactly when it hits a key. */
  readonly precise: boolean;
}

export class TextTest implements FieldTest {
  readonly #lens: Lens;
  readonly #mode: Mode;
  readonly #matcher: Matcher;

  constructor(lens: Lens, mode: Mode, matcher: Matcher) {
    this.#lens = lens;
    this.#mode = mode;
    this.#matcher = matcher;
  }

  test(facts: Facts): boolean {
    const readings = this.#lens.read(facts, this.#mode);
    if (readings === undefined) return false;
    if (typeof readings === 'string') return this.#matcher.matches(readings);
    if (this.#mode === 'narrow' && !this.#lens.list) {
      for (const reading of readings) if (!this.#matcher.matches(reading)) return false;
      return readings.length > 0;
    }
    for (const reading of readings) if (this.#matcher.matches(reading)) return true;
    return false;
  }

  get precise(): boolean {
    return this.#matcher.precise;
  }

  keys(): readonly Key[] {
    return this.#matcher.keys().map((pattern) => ({ kind: 'text', lens: this.#lens, pattern }));
  }
}

/** Where an address comes from. */
export type AddressSource = 'source' | 'remote' | 'destination';

export function addressFrom(facts: Facts, source: AddressSource): Address | undefined | typeof underivable {
  switch (source) {
    case 'source':
      return facts.sourceAddress;
    case 'remote':
      return facts.remoteAddress;
    case 'destination':
      return facts.destinationAddress;
    default:
      return source satisfies never;
  }
}

export class AddressTest implements FieldTest {
  readonly precise = true;
  readonly #from: AddressSource;
  readonly #mode: Mode;
  readonly #blocks: readonly Block[];
  readonly #table = new BlockTable<true>();

  constructor(from: AddressSource, mode: Mode, blocks: readonly Block[]) {
    this.#from = from;
    this.#mode = mode;
    this.#blocks = blocks;
    for (const block of blocks) this.#table.upsert(block, () => true);
  }

  test(facts: Facts): boolean {
    const address = addressFrom(facts, this.#from);
    if (address === undefined) return false;
    return address === underivable ? this.#mode === 'wide' : this.#table.has(address);
  }

  keys(): readonly Key[] {
    return this.#blocks.map((block) => ({ kind: 'block', from: this.#from, block }));
  }
}

export class PortTest implements FieldTest {
  readonly precise = true;
  readonly #ports: ReadonlySet<number>;

  constructor(ports: readonly number[]) {
    this.#ports = new Set(ports);
  }

  test(facts: Facts): boolean {
    return this.#has(facts.port) || this.#has(listenPortOf(facts.bag));
  }

  keys(): readonly Key[] {
    return [...this.#ports].map((port) => ({ kind: 'port', port }));
  }

  #has(port: number | undefined): boolean {
    return port !== undefined && this.#ports.has(port);
  }
}

/** Any of several tests: a list whose values are compared with different things. */
export class AnyTest implements FieldTest {
  readonly precise = false;
  readonly #tests: readonly FieldTest[];

  constructor(tests: readonly FieldTest[]) {
    this.#tests = tests;
  }

  test(facts: Facts): boolean {
    return this.#tests.some((one) => one.test(facts));
  }

  keys(): readonly Key[] {
    return this.#tests.flatMap((one) => one.keys());
  }
}
