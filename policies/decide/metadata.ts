import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { readMap } from './read-attribute.ts';

/** Attribute that carries what filters of a proxy said: a string under `filter NUL key`, a list as JSON under `filter NUL key NUL`. */
export const metadataAttribute = 'garrison.metadata';

/** One entry of `garrison.metadata`, for whoever writes a bag. */
export function metadataEntry(filter: string, key: string, value: string | readonly string[]): [string, string] {
  return typeof value === 'string' ? [`${filter}\0${key}`, value] : [`${filter}\0${key}\0`, JSON.stringify(value)];
}

export function metadataText(bag: AttributeBag, filter: string, key: string): string | undefined {
  return readMap(bag, metadataAttribute)?.get(`${filter}\0${key}`);
}

export function metadataList(bag: AttributeBag, filter: string, key: string): readonly string[] | undefined {
  const text = readMap(bag, metadataAttribute)?.get(`${filter}\0${key}\0`);
  if (text === undefined) return undefined;
  const list: unknown = parse(text);
  if (Array.isArray(list) && list.every((element) => typeof element === 'string')) return list;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${metadataAttribute}\` holds a list that is no JSON list of strings`);
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
