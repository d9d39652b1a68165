import { Duration, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue, StringMap } from '#proto/attributes/index.ts';
import { addressText, durationText, timestampText } from './attribute-text.ts';
import {
  credentialAttributes,
  headerWithoutSecrets,
  parameterWithoutSecrets,
  redacted,
  withoutSecrets,
} from './credentials.ts';

export type JsonValue = string | number | boolean | Readonly<Record<string, string>>;

/** Longest text of one value that a record keeps, in UTF-16 units. */
export const longestText = 8192;

/** Text cut to what a record keeps, never within a surrogate pair. */
export function shortened(text: string): string {
  if (text.length <= longestText) return text;
  const last = text.charCodeAt(longestText - 1);
  return `${text.slice(0, last >= 0xd800 && last <= 0xdbff ? longestText - 1 : longestText)}…`;
}

/** An integer as a JSON number where every reader gets the same number back, else as digits. */
export function integerJson(value: bigint): number | string {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value.toString();
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

/** An attribute as the audit record keeps it: readable, bounded, without credentials. */
export function attributeJson(name: string, value: AttributeValue): JsonValue {
  if (credentialAttributes.has(name)) return redacted;
  switch (typeof value) {
    case 'string':
      return shortened(urls.has(name) ? withoutSecrets(value) : value);
    case 'bigint':
      return integerJson(value);
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'boolean':
      return value;
    case 'object':
      return objectJson(name, value);
    default:
      return value satisfies never;
  }
}

function objectJson(name: string, value: Timestamp | Duration | Uint8Array | StringMap): JsonValue {
  if (value instanceof Uint8Array) {
    const address = name.endsWith('.ip') ? addressText(value) : undefined;
    return address ?? shortened(Buffer.from(value).toString('base64'));
  }
  if (value instanceof Timestamp) return timestampText(value);
  if (value instanceof Duration) return durationText(value);
  return mapJson(value, mapReaders.get(name));
}

function mapJson(map: StringMap, read: ReadEntry | undefined): Readonly<Record<string, string>> {
  // Without a prototype a peer's key `__proto__` is a key like any other.
  const json = Object.create(null) as Record<string, string>;
  for (const key of [...map.keys()].sort()) {
    const value = map.get(key) ?? '';
    json[shortened(key)] = shortened(read === undefined ? value : read(key, value));
  }
  return json;
}
