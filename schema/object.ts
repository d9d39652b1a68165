import { describeNode, isNull } from './node.ts';
import type { MapNode, Node } from './node.ts';
import { nearest } from './nearest.ts';
import type { JsonSchema, Reading, Shape } from './shape.ts';
import { quoteable } from './quoteable.ts';

export interface Field<T> {
  readonly shape: Shape<unknown>;
  readonly describe: string;
  readonly required: boolean;
  readonly nullable: boolean;
  readonly fallback: T;
}

interface Description {
  /** One sentence for whoever writes the document; editors show it. */
  readonly describe: string;
  /** `key:` with nothing after it, or null, is the same as leaving the key out. */
  readonly nullable?: boolean;
}

/** A key of an object: required, or with a default, or else undefined where it is left out. */
export function field<T>(shape: Shape<T>, options: Description & { readonly required: true }): Field<T>;
export function field<T, D>(shape: Shape<T>, options: Description & { readonly default: D }): Field<T | D>;
export function field<T>(shape: Shape<T>, options: Description): Field<T | undefined>;
export function field<T>(
  shape: Shape<T>,
  options: Description & { readonly required?: boolean; readonly default?: unknown },
): Field<unknown> {
  const { describe, required = false, nullable = false } = options;
  return { shape, describe, required, nullable, fallback: options.default };
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ObjectOf<F extends Fields> = { readonly [K in keyof F]: F[K] extends Field<infer T> ? T : never };

/** A mapping whose keys are these; any other is a fault that names the nearest of them. */
export function object<F extends Fields>(fields: F): Shape<ObjectOf<F>> {
  const names = Object.keys(fields);
  const table = new Map(Object.entries(fields));
  const defaults: Readonly<Record<string, unknown>> = Object.fromEntries(
    names.map((name) => [name, fields[name]?.fallback]),
  );
  const required = names.filter((name) => fields[name]?.required);
  return {
    read(node, reading) {
      if (node.kind !== 'map') {
        reading.fault(node.place, `must be a mapping, not ${describeNode(node)}`, `its keys are ${nameList(names)}`);
        return undefined;
      }
      const values = { ...defaults };
      readEntries(node, reading, table, values, names);
      let complete = true;
      for (const name of required) {
        if (values[name] !== undefined) continue;
        complete = false;
        if (isAbsent(node, name, table)) reading.fault(node.place, 'is missing', `add \`${name}\``, [name]);
      }
      // The one cast: every field was read by the shape that its type names.
      return complete ? (values as ObjectOf<F>) : undefined;
    },
    schema: objectSchema(table),
  };
}

function readEntries(
  node: MapNode,
  reading: Reading,
  table: ReadonlyMap<string, Field<unknown>>,
  values: Record<string, unknown>,
  names: readonly string[],
): void {
  for (const entry of node.entries) {
    const described = table.get(entry.key);
    if (described === undefined) {
      const place = node.source.place(entry.keyOffset);
      reading.fault(place, `unknown key \`${quoteable(entry.key)}\``, suggestKey(entry.key, names), [entry.key]);
      continue;
    }
    if (described.nullable && isNull(entry.value)) continue;
    reading.enter(entry.key);
    const value = readField(entry.value, described, reading);
    if (value !== undefined) values[entry.key] = value;
    reading.leave();
  }
}

/** A value that is wrong is not one that is missing; `key:` with nothing after it is, where that is the same. */
function isAbsent(node: MapNode, name: string, table: ReadonlyMap<string, Field<unknown>>): boolean {
  const value = node.get(name);
  return value === undefined || (table.get(name)?.nullable === true && isNull(value));
}

function readField(node: Node, described: Field<unknown>, reading: Reading): unknown {
  if (!isNull(node)) return described.shape.read(node, reading);
  reading.fault(node.place, 'has no value', described.required ? 'give it one' : 'give it one, or remove the key');
  return undefined;
}

function suggestKey(key: string, names: readonly string[]): string {
  const guess = nearest(key, names);
  return guess === undefined ? `known here: ${nameList(names)}` : `did you mean \`${guess}\`?`;
}

function nameList(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(', ');
}

function objectSchema(table: ReadonlyMap<string, Field<unknown>>): JsonSchema {
  const properties: Record<string, JsonSchema> = {};
  for (const [name, described] of table) properties[name] = fieldSchema(described);
  const required = [...table].filter(([, described]) => described.required).map(([name]) => name);
  return {
    type: 'object',
    properties,
    ...(required.length === 0 ? {} : { required }),
    additionalProperties: false,
  };
}

function fieldSchema({ shape, describe, nullable, fallback }: Field<unknown>): JsonSchema {
  const printable = ['string', 'number', 'boolean'].includes(typeof fallback) || fallback === null;
  const heading = { description: describe, ...(printable ? { default: fallback } : {}) };
  return nullable ? { ...heading, anyOf: [shape.schema, { type: 'null' }] } : { ...heading, ...shape.schema };
}
