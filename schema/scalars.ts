import { describeNode } from './node.ts';
import type { Node, ScalarNode } from './node.ts';
import { nearest } from './nearest.ts';
import type { Reading, Shape } from './shape.ts';
import { quoteable } from './quoteable.ts';

export interface StringOptions {
  readonly minLength?: number;
  readonly maxLength?: number;
  /** What the whole string must match; it goes into the JSON Schema, so it is anchored and without flags. */
  readonly pattern?: { readonly expression: RegExp; readonly reason: string; readonly fix?: string };
  readonly examples?: readonly string[];
}

export function string(options: StringOptions = {}): Shape<string> {
  const { minLength = 0, maxLength = Infinity, pattern, examples } = options;
  return {
    read(node, reading) {
      const value = readString(node, reading);
      if (value === undefined) return undefined;
      if (value.length < minLength) {
        reading.fault(node.place, value === '' ? 'must not be empty' : `must have at least ${minLength} characters`);
        return undefined;
      }
      if (value.length > maxLength) {
        reading.fault(node.place, `is ${value.length} characters long, at most ${maxLength} are allowed`);
        return undefined;
      }
      if (pattern !== undefined && !pattern.expression.test(value)) {
        reading.fault(node.place, `\`${quoteable(value)}\` ${pattern.reason}`, pattern.fix);
        return undefined;
      }
      return value;
    },
    schema: {
      type: 'string',
      ...(minLength > 0 ? { minLength } : {}),
      ...(maxLength < Infinity ? { maxLength } : {}),
      ...(pattern === undefined ? {} : { pattern: pattern.expression.source }),
      ...(examples === undefined ? {} : { examples }),
    },
  };
}

/** The text of a string node; a number or boolean where a string belongs is a fault that says to quote it. */
function readString(node: Node, reading: Reading): string | undefined {
  if (node.kind === 'scalar') {
    const value = node.value;
    if (typeof value === 'string') return value;
    if (value !== null) {
      const written = quoteable(node.text);
      reading.fault(node.place, `must be a string, not ${describeNode(node)}`, `write \`"${written}"\` in quotes`);
      return undefined;
    }
  }
  reading.fault(node.place, `must be a string, not ${describeNode(node)}`);
  return undefined;
}

export interface IntegerOptions {
  readonly min?: number;
  readonly max?: number;
}

export function integer(options: IntegerOptions = {}): Shape<number> {
  const { min = Number.MIN_SAFE_INTEGER, max = Number.MAX_SAFE_INTEGER } = options;
  return {
    read(node, reading) {
      const value = node.kind === 'scalar' ? node.value : undefined;
      if (typeof value !== 'bigint' && !Number.isInteger(value)) {
        const quoted = typeof value === 'string' && /^[-+]?\d+$/.test(value);
        reading.fault(
          node.place,
          `must be a whole number, not ${describeNode(node)}`,
          quoted ? 'remove the quotes' : undefined,
        );
        return undefined;
      }
      if (typeof value !== 'number' || value < min || value > max) {
        reading.fault(node.place, `\`${(node as ScalarNode).text}\` is not between ${min} and ${max}`);
        return undefined;
      }
      return value;
    },
    schema: {
      type: 'integer',
      ...(options.min === undefined ? {} : { minimum: options.min }),
      ...(options.max === undefined ? {} : { maximum: options.max }),
    },
  };
}

export function number(): Shape<number> {
  return {
    read(node, reading) {
      const value = node.kind === 'scalar' ? node.value : undefined;
      if (typeof value === 'number' && Number.isFinite(value)) return value;
      reading.fault(node.place, `must be a number, not ${describeNode(node)}`);
      return undefined;
    },
    schema: { type: 'number' },
  };
}

export function boolean(): Shape<boolean> {
  return {
    read(node, reading) {
      const value = node.kind === 'scalar' ? node.value : undefined;
      if (typeof value === 'boolean') return value;
      const fix = 'write `true` or `false`, without quotes';
      reading.fault(node.place, `must be true or false, not ${describeNode(node)}`, fix);
      return undefined;
    },
    schema: { type: 'boolean' },
  };
}

export function oneOf<const T extends string>(literals: readonly T[]): Shape<T> {
  return {
    read(node, reading) {
      const value = node.kind === 'scalar' && typeof node.value === 'string' ? node.value : undefined;
      const found = literals.find((literal) => literal === value);
      if (found !== undefined) return found;
      const list = literals.map((literal) => `\`${literal}\``).join(', ');
      const guess = value === undefined ? undefined : nearest(value, literals);
      const what = node.kind === 'scalar' && node.text !== '' ? `\`${quoteable(node.text)}\`` : describeNode(node);
      reading.fault(node.place, `must be one of ${list}, not ${what}`, guess && `did you mean \`${guess}\`?`);
      return undefined;
    },
    schema: { type: 'string', enum: literals },
  };
}
