import { describeNode, isNull, toData } from './node.ts';
import type { Node } from './node.ts';
import type { JsonSchema, Shape } from './shape.ts';
import { quoteable } from './quoteable.ts';

export interface ListOptions {
  readonly min?: number;
  readonly max?: number;
  /** What one element is called in messages: `value`. */
  readonly each?: string;
}

export function list<T>(of: Shape<T>, options: ListOptions = {}): Shape<readonly T[]> {
  const { min = 0, max = Infinity } = options;
  return {
    read(node, reading) {
      if (node.kind !== 'list') {
        const fix = node.kind === 'scalar' && isNull(node) ? undefined : 'write `- ` before each element';
        reading.fault(node.place, `must be a list, not ${describeNode(node)}`, fix);
        return undefined;
      }
      const count = node.items.length;
      if (count < min) {
        reading.fault(node.place, count === 0 ? 'must not be empty' : `must have at least ${min} elements`);
      }
      if (count > max) {
        reading.fault(node.place, `has ${count} elements, at most ${max} are allowed`);
        return undefined;
      }
      const values: T[] = [];
      for (let index = 0; index < count; index += 1) {
        const item = node.items[index];
        if (item === undefined) continue;
        reading.enter(index);
        const value = of.read(item, reading);
        reading.leave();
        if (value !== undefined) values.push(value);
      }
      return values;
    },
    schema: {
      type: 'array',
      items: of.schema,
      ...(min > 0 ? { minItems: min } : {}),
      ...(max < Infinity ? { maxItems: max } : {}),
    },
  };
}

export interface RecordOptions {
  readonly min?: number;
  readonly max?: number;
  /** What every key must match. */
  readonly keys?: { readonly expression: RegExp; readonly reason: string; readonly fix?: string };
}

/** A mapping whose keys are data. */
export function record<T>(of: Shape<T>, options: RecordOptions = {}): Shape<ReadonlyMap<string, T>> {
  const { min = 0, max = Infinity, keys } = options;
  return {
    read(node, reading) {
      if (node.kind !== 'map') {
        reading.fault(node.place, `must be a mapping, not ${describeNode(node)}`, 'write `key: value`');
        return undefined;
      }
      const count = node.entries.length;
      if (count < min) reading.fault(node.place, 'must not be empty');
      if (count > max) reading.fault(node.place, `has ${count} keys, at most ${max} are allowed`);
      const values = new Map<string, T>();
      for (const entry of node.entries) {
        reading.enter(entry.key);
        if (keys !== undefined && !keys.expression.test(entry.key)) {
          const place = node.source.place(entry.keyOffset);
          reading.fault(place, `the key \`${quoteable(entry.key)}\` ${keys.reason}`, keys.fix);
        }
        const value = of.read(entry.value, reading);
        reading.leave();
        if (value !== undefined) values.set(entry.key, value);
      }
      return values;
    },
    schema: {
      type: 'object',
      additionalProperties: of.schema,
      ...(keys === undefined ? {} : { propertyNames: { pattern: keys.expression.source } }),
      ...(min > 0 ? { minProperties: min } : {}),
      ...(max < Infinity ? { maxProperties: max } : {}),
    },
  };
}

/** Anything, as plain data; mappings become objects without a prototype. */
export function any(): Shape<unknown> {
  return { read: (node) => toData(node), schema: {} };
}

/** Anything, as the tree it is: for what is read later, by another shape. */
export function tree(schema: JsonSchema = {}): Shape<Node> {
  return { read: (node) => node, schema };
}
