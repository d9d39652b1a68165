import type { StringMap } from '#proto/attributes/index.ts';
import type { Mode } from '../compile/mode.ts';
import { lowerCase } from './lower-case.ts';

/** All values of one field: undefined where it is absent, a plain string where there is exactly one. */
export type Readings = string | readonly string[] | undefined;

/** What earlier steps wrote (a value) or removed (undefined). */
export type HeaderChanges = ReadonlyMap<string, string | undefined>;

const pseudoNames = [':authority', ':method', ':path', ':scheme', 'host'];

/** Values compare without surrounding spaces and tabs. */
export function trimBlanks(value: string): string {
  const last = value.length - 1;
  if (last < 0 || (!isBlank(value.charCodeAt(0)) && !isBlank(value.charCodeAt(last)))) return value;
  let from = 0;
  let to = value.length;
  while (from < to && isBlank(value.charCodeAt(from))) from++;
  while (to > from && isBlank(value.charCodeAt(to - 1))) to--;
  return value.slice(from, to);
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09;
}

/** The headers of one request: names without case, every value of a repeated one. */
export class Headers {
  readonly #map: StringMap | undefined;
  readonly #repeated: StringMap | undefined;
  /** Present where a name is spelled oddly (capitals, `_`): every header by its lower-case name. */
  readonly #folded: ReadonlyMap<string, readonly string[]> | undefined;
  /** The names of those by how they are spelled with dashes: a look at one need not walk all. */
  #respelled: ReadonlyMap<string, readonly string[]> | undefined = undefined;
  changes: HeaderChanges | undefined;

  constructor(map: StringMap | undefined, repeated: StringMap | undefined, oddNames: boolean) {
    this.#map = map;
    this.#repeated = repeated;
    this.#folded = oddNames && map !== undefined ? fold(map, repeated) : undefined;
    this.changes = undefined;
  }

  /** Every value of a header. `x_role` is a wide reading of `x-role`: many servers fold the two into one variable. */
  read(name: string, mode: Mode): Readings {
    if (this.changes?.has(name) === true) return this.changes.get(name);
    if (this.#folded === undefined)
      return mode === 'plain' || !name.includes('_') ? this.#plain(name) : this.#odd(name, mode);
    return mode === 'plain' ? collapse(this.#folded.get(name)) : this.#odd(name, mode);
  }

  /** Every name under which there may be something to read: names as sent, as changed, and those of HTTP/2. */
  names(): Iterable<string> {
    return this.#folded === undefined ? this.#plainNames() : this.#respelledNames(this.#folded.keys());
  }

  *#plainNames(): Generator<string> {
    yield* pseudoNames;
    yield* this.#map?.keys() ?? [];
    for (const name of this.changes?.keys() ?? []) if (this.#map?.has(name) !== true) yield name;
  }

  #respelledNames(sent: Iterable<string>): Set<string> {
    const names = new Set([...pseudoNames, ...(this.changes?.keys() ?? [])]);
    for (const name of sent) names.add(name).add(name.replaceAll('_', '-'));
    return names;
  }

  #plain(name: string): Readings {
    const repeated = this.#repeated?.get(name);
    if (repeated !== undefined) return repeated.split('\n').map(trimBlanks);
    const value = this.#map?.get(name);
    return value === undefined ? undefined : trimBlanks(value);
  }

  #odd(name: string, mode: Mode): Readings {
    const own = this.#folded === undefined ? toList(this.#plain(name)) : (this.#folded.get(name) ?? []);
    if (mode === 'narrow' && own.length === 0) return undefined;
    const dashed = name.replaceAll('_', '-');
    const all = [...own];
    if (this.#folded === undefined) {
      all.push(...toList(this.#plain(dashed)));
    } else {
      this.#respelled ??= Map.groupBy(this.#folded.keys(), (sent) => sent.replaceAll('_', '-'));
      for (const other of this.#respelled.get(dashed) ?? []) {
        if (other !== name && this.changes?.has(other) !== true) all.push(...(this.#folded.get(other) ?? []));
      }
    }
    return collapse(all);
  }
}

function fold(map: StringMap, repeated: StringMap | undefined): Map<string, readonly string[]> {
  const folded = new Map<string, string[]>();
  for (const [name, value] of map) {
    const lower = lowerCase(name);
    const values = (repeated?.get(name)?.split('\n') ?? [value]).map(trimBlanks);
    const known = folded.get(lower);
    if (known === undefined) folded.set(lower, values);
    else known.push(...values);
  }
  return folded;
}

function collapse(values: readonly string[] | undefined): Readings {
  if (values === undefined || values.length === 0) return undefined;
  return values.length === 1 ? values[0] : values;
}

function toList(readings: Readings): readonly string[] {
  if (readings === undefined) return [];
  return typeof readings === 'string' ? [readings] : readings;
}
