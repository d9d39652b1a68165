import { isIPv4, isIPv6 } from 'node:net';
import { Duration, MapBag, Timestamp, valueTypes, vocabulary } from '#proto/attributes/index.ts';
import type { AttributeValue, ValueType } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** How people write attributes: shown by every verb that takes them. */
export const attributeHelp =
  'a fact, as `request.path=/x`, `request.headers[x-role]=user`, or `my.count:int64=5` where the name has no known type';

const written = /^([^=[\]]+?)(?:\[([^\]]*)\])?(?::([A-Za-z0-9]+))?=(.*)$/s;

/** The bag that a list of `name=value` flags stands for. */
export function parseAttributes(flags: readonly string[]): MapBag {
  const values = new Map<string, AttributeValue>();
  for (const flag of flags) add(values, flag);
  return new MapBag(values);
}

function add(values: Map<string, AttributeValue>, flag: string): void {
  const [, name, key, suffix, text] = written.exec(flag) ?? [];
  if (name === undefined || text === undefined) throw refusal(flag, 'is no attribute', 'write `name=value`');
  const type = typeOf(flag, name, suffix ?? (key === undefined ? undefined : 'stringMap'));
  if (type === 'stringMap') {
    if (key === undefined) throw refusal(flag, 'is a map of strings', `write \`${name}[key]=value\``);
    const before = values.get(name);
    const map = before instanceof Map ? before : new Map<string, string>();
    if (map.has(key)) throw refusal(flag, 'is given twice', 'give each entry once');
    values.set(name, map.set(key, text));
    return;
  }
  if (values.has(name)) throw refusal(flag, 'is given twice', 'give each attribute once');
  values.set(name, parseValue(flag, type, text));
}

function typeOf(flag: string, name: string, said: string | undefined): ValueType {
  const known = vocabulary.get(name);
  const type = said === undefined ? (known ?? 'string') : valueTypes.find((candidate) => candidate === said);
  if (type === undefined) {
    throw refusal(flag, `has a type \`${said ?? ''}\` that there is not`, `choose one of ${valueTypes.join(', ')}`);
  }
  if (known !== undefined && known !== type) throw refusal(flag, `is of type ${known}`, `write it as ${known}`);
  return type;
}

function parseValue(flag: string, type: Exclude<ValueType, 'stringMap'>, text: string): AttributeValue {
  switch (type) {
    case 'string':
      return text;
    case 'int64':
      if (!/^-?[0-9]{1,19}$/.test(text)) throw refusal(flag, 'is no whole number', 'write digits');
      return BigInt(text);
    case 'double':
      if (text.trim() === '' || Number.isNaN(Number(text))) throw refusal(flag, 'is no number', 'write `0.5`');
      return Number(text);
    case 'bool':
      if (text !== 'true' && text !== 'false') throw refusal(flag, 'is no boolean', 'write `true` or `false`');
      return text === 'true';
    case 'bytes':
      if (!/^(?:[0-9a-fA-F]{2})*$/.test(text)) throw refusal(flag, 'is not in hex', 'write two hex digits a byte');
      return Buffer.from(text, 'hex');
    case 'ip':
      return parseAddressBytes(flag, text);
    case 'timestamp': {
      const date = new Date(text);
      if (Number.isNaN(date.getTime())) throw refusal(flag, 'is no time', 'write `2026-01-31T12:00:00Z`');
      return Timestamp.fromDate(date);
    }
    case 'duration': {
      const [, amount, unit] = /^([0-9]+(?:\.[0-9]+)?)(ms|s)$/.exec(text) ?? [];
      if (amount === undefined) throw refusal(flag, 'is no duration', 'write `250ms` or `1.5s`');
      return Duration.fromMs(Number(amount) * (unit === 's' ? 1_000 : 1));
    }
  }
}

function parseAddressBytes(flag: string, text: string): Uint8Array {
  if (isIPv4(text)) return Buffer.from(text.split('.').map(Number));
  if (!isIPv6(text) || text.includes('%')) throw refusal(flag, 'is no IP address', 'write `10.0.0.7` or `2001:db8::1`');
  // The URL parser writes an IPv6 address in groups without an IPv4 tail.
  const groups = new URL(`http://[${text}]`).hostname.slice(1, -1);
  const [head = '', tail] = groups.split('::');
  const parts = (side: string): string[] => (side === '' ? [] : side.split(':'));
  const right = tail === undefined ? [] : parts(tail);
  const left = parts(head);
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0');
  return Buffer.from(
    [...left, ...zeros, ...right].flatMap((group) => {
      const value = parseInt(group, 16);
      return [value >> 8, value & 0xff];
    }),
  );
}

function refusal(flag: string, reason: string, remedy: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `\`${flag}\` ${reason}`, { place: '--attribute', remedy });
}
