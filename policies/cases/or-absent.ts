import { isNull } from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';

/** A value, or null for "must be absent". */
export function orAbsent<T>(shape: Shape<T>): Shape<T | null> {
  return {
    read: (node, reading) => (isNull(node) ? null : shape.read(node, reading)),
    schema: { anyOf: [shape.schema, { type: 'null' }] },
  };
}
