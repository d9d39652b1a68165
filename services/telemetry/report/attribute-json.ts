import { Duration, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue, StringMap } from '#proto/attributes/index.ts';
import { isSafe } from './read-attribute.ts';
import { addressText, durationText, timestampText } from './attribute-text.ts';
import {
  credentialAttributes,
  headerWithoutSecrets,
  parameterWithoutSecrets,
  redacted,
  withoutSecrets,
} from './credentials.ts';

/** Longest text of one value that a record keeps, in UTF-16 units. */
export const longestText = 8192;

/** Text cut to what a record keeps, never within a surrogate pair. */
export function shortened(text: string): string {
  if (text.length <= longestText) return text;
  const last = text.charCodeAt(longestText - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? longestText - 1 : longestText)}…`;
}

/** An integer as a JSON number where every reader gets the same number back, else as digits in a string. */
function integerJson(value: bigint): string {
  return isSafe(value) ? value.toString() : `"${value}"`;
}

type ReadEntry = (key: string, value: string) => string;
const headers: ReadEntry = (key, value) => headerWithoutSecrets(key, value);

/** How the entries of a string map are cleaned; every other map is kept as it came. */
const mapReaders: ReadonlyMap<string, ReadEntry> = new Map<string, ReadEntry>([
  ['request.headers', headers],
  ['response.headers', headers],
  ['garrison.request.repeated_headers', headers],
  ['request.query_params', parameterWithoutSecrets],
]);

const urls: ReadonlySet<string> = new Set(['request.path', 'request.url_path', 'request.referer']);

/** An attribute as the audit record keeps it, as JSON text: readable, bounded, without credentials. */
export function attributeJson(name: string, value: AttributeValue): string {
  if (credentialAttributes.has(name)) return JSON.stringify(redacted);
  switch (typeof value) {
    case 'string':
      return textJson(urls.has(name) ? withoutSecrets(value) : value);
    case 'bigint':
      return integerJson(value);
    case 'number':
      return Number.isFinite(value) ? JSON.stringify(value) : `"${value}"`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'object':
      return objectJson(name, value);
    default:
      return value satisfies never;
  }
}

function objectJson(name: string, value: Timestamp | Duration | Uint8Array | StringMap): string {
  if (value instanceof Uint8Array) {
    const address = name.endsWith('.ip') ? addressText(value) : undefined;
    return textJson(address ?? Buffer.from(value).toString('base64'));
  }
  if (value instanceof Timestamp) return textJson(timestampText(value));
  if (value instanceof Duration) return textJson(durationText(value));
  const read = mapReaders.get(name);
  return objectText(
    [...value].map(([key, one]) => [shortened(key), textJson(read === undefined ? one : read(key, one))]),
  );
}

function textJson(text: string): string {
  return JSON.stringify(shortened(text));
}

/**
 * An object of members that are JSON text already, in the order of RFC 8785 §3.2.3.
 * No JavaScript object is made of them: that would put `9` before `!`, and make a peer's `__proto__` something else than a key.
 */
export function objectText(members: [name: string, json: string][]): string {
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  let text = '';
  let last: string | undefined;
  for (const [name, json] of members) {
    // Two names that were too long may have become one.
    if (name === last) continue;
    text += `${last === undefined ? '' : ','}${JSON.stringify(name)}:${json}`;
    last = name;
  }
  return `{${text}}`;
}
