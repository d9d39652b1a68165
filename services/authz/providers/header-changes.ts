import { HeaderValueOption_HeaderAppendAction as AppendAction } from '#proto/gen/envoy/config/core/v3/base.ts';
import type { HeaderValueOption } from '#proto/gen/envoy/config/core/v3/base.ts';
import { HeaderOperation_Operation as Operation } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { HeaderOperation } from '#proto/gen/istio/mixer/v1/mixer.ts';

/** How messages are framed and where they go, which is no provider's business. */
const untouchable = new Set([
  ...['host', 'connection', 'content-length', 'keep-alive', 'proxy-connection', 'te', 'trailer', 'transfer-encoding'],
  ...['upgrade', 'http2-settings'],
]);

/** Whether a provider may change a header of this name at all. */
export function mayChange(name: string): boolean {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) && !untouchable.has(name.toLowerCase());
}

/** RFC 9110 §5.5, octets only. */
export function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}

export function replace(name: string, value: string): HeaderOperation {
  return { name: name.toLowerCase(), value, operation: Operation.REPLACE };
}

export function append(name: string, value: string): HeaderOperation {
  return { name: name.toLowerCase(), value, operation: Operation.APPEND };
}

/**
 * Headers that an answer sets on the request. Undefined where one of them is none or must not be set.
 * An action that is not given replaces, as upstream's documentation has it, though its code appends: what a provider
 * vouches for must not stand beside what the caller wrote. A second value of one answer is appended to its first.
 */
export function requestChanges(
  options: readonly HeaderValueOption[],
  removed: readonly string[],
  isPresent: (name: string) => boolean,
): HeaderOperation[] | undefined {
  const operations: HeaderOperation[] = [];
  for (const name of removed) {
    if (!mayChange(name)) return undefined;
    operations.push({ name: name.toLowerCase(), value: '', operation: Operation.REMOVE });
  }
  const set = new Set<string>();
  for (const option of options) {
    const read = readHeader(option);
    if (read === undefined) return undefined;
    const { name, value, dropped } = read;
    if (dropped || !applies(option, isPresent(name))) continue;
    operations.push(option.append === true || set.has(name) ? append(name, value) : replace(name, value));
    set.add(name);
  }
  return operations;
}

/** Headers that an answer puts on what the caller gets. What the application will have said is not known here. */
export function responseChanges(options: readonly HeaderValueOption[]): HeaderOperation[] | undefined {
  const operations: HeaderOperation[] = [];
  for (const option of options) {
    const read = readHeader(option);
    if (read === undefined) return undefined;
    if (read.dropped) continue;
    const replaces = option.append === false || option.appendAction === AppendAction.OVERWRITE_IF_EXISTS_OR_ADD;
    operations.push(replaces ? replace(read.name, read.value) : append(read.name, read.value));
  }
  return operations;
}

function applies({ append: former, appendAction }: HeaderValueOption, present: boolean): boolean {
  if (former !== undefined) return true;
  if (appendAction === AppendAction.ADD_IF_ABSENT) return !present;
  return appendAction !== AppendAction.OVERWRITE_IF_EXISTS || present;
}

function readHeader(
  option: HeaderValueOption,
): { readonly name: string; readonly value: string; readonly dropped: boolean } | undefined {
  const { header, keepEmptyValue } = option;
  if (header === undefined || !mayChange(header.key)) return undefined;
  const value = header.value !== '' ? header.value : header.rawValue.toString('latin1');
  if (!isHeaderValue(value)) return undefined;
  return { name: header.key.toLowerCase(), value, dropped: value === '' && !keepEmptyValue };
}
