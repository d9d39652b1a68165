import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag, AttributeValue, StringMap } from '#proto/attributes/index.ts';

/** An attribute of the wrong type is an error while deciding, which denies: to skip it could open a door. */
export function readText(bag: AttributeBag, name: string): string | undefined {
  const value = bag.get(name);
  if (value === undefined || typeof value === 'string') return value;
  throw wrongType(name, 'a string');
}

export function readFlag(bag: AttributeBag, name: string): boolean {
  const value = bag.get(name);
  if (value === undefined || typeof value === 'boolean') return value === true;
  throw wrongType(name, 'a boolean');
}

export function readNumber(bag: AttributeBag, name: string): number | undefined {
  const value = bag.get(name);
  if (value === undefined) return undefined;
  if (typeof value === 'bigint') return Number(value);
  throw wrongType(name, 'an int64');
}

export function readBytes(bag: AttributeBag, name: string): Uint8Array | undefined {
  const value = bag.get(name);
  if (value === undefined || value instanceof Uint8Array) return value;
  throw wrongType(name, 'bytes');
}

export function readMap(bag: AttributeBag, name: string): StringMap | undefined {
  const value = bag.get(name);
  if (value === undefined || isMap(value)) return value;
  throw wrongType(name, 'a string map');
}

function isMap(value: AttributeValue): value is StringMap {
  return typeof value === 'object' && 'has' in value;
}

function wrongType(name: string, wanted: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `attribute \`${name}\` is not ${wanted}`);
}
