import { GarrisonError } from '#proto/errors/index.ts';
import { attributePlaces } from './attribute-places.ts';
import type { AttributeCondition } from './audit-store.ts';

/** Where in a record's JSON an attribute stands, and the JSON texts that equal the value asked for. */
export interface JsonCondition {
  readonly path: readonly string[];
  readonly texts: readonly [string, string];
}

const bareJson = /^(?:true|false|-?\d[\d.eE+-]*)$/;
const withKey = /^([^[\]]+)\[(.+)\]$/;

export function jsonConditionOf(condition: AttributeCondition): JsonCondition {
  const keyed = withKey.exec(condition.name);
  const name = keyed?.[1] ?? condition.name;
  const key = keyed?.[2];
  const path = [...(attributePlaces.get(name)?.path ?? ['attributes', name])];
  if (key !== undefined) path.push(name.endsWith('headers') ? key.toLowerCase() : key);
  for (const part of path) {
    if (/["\\]/.test(part)) {
      throw new GarrisonError(
        'INVALID_ARGUMENT',
        `attribute \`${condition.name}\` has a quote or backslash in its name`,
        {
          remedy: 'ask by another attribute',
        },
      );
    }
  }
  const text = JSON.stringify(condition.value);
  // `200` finds the number as well as the text, `true` the bool.
  return { path, texts: [text, bareJson.test(condition.value) ? condition.value : text] };
}

/** A workload as people write it: `name`, or `namespace/name`. */
export function splitWorkload(written: string): { namespace: string | undefined; name: string } {
  const slash = written.indexOf('/');
  return slash < 0
    ? { namespace: undefined, name: written }
    : { namespace: written.slice(0, slash), name: written.slice(slash + 1) };
}

/** Principals are kept without their scheme; people write them with and without. */
export function principalAsKept(written: string): string {
  return written.startsWith('spiffe://') ? written.slice('spiffe://'.length) : written;
}

const minuteMs = 60_000;

export function minuteOf(ms: number): number {
  return Math.floor(ms / minuteMs);
}
