import { code, isFlowIndicator, isSpaceOrEnd } from './cursor.ts';
import type { Cursor } from './cursor.ts';

/** Scalars on one line, YAML 1.2.2 §7.3. Those that go on over lines are the general reader's. */

export interface Token {
  readonly text: string;
  readonly plain: boolean;
}

export function readScalar(cursor: Cursor, inFlow: boolean): Token {
  if (cursor.current === code.quote) return { text: readDoubleQuoted(cursor), plain: false };
  if (cursor.current === code.apostrophe) return { text: readSingleQuoted(cursor), plain: false };
  return { text: readPlain(cursor, inFlow), plain: true };
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  '0': '\0',
};

function readDoubleQuoted(cursor: Cursor): string {
  const start = cursor.at + 1;
  let plainFrom = start;
  let text = '';
  for (cursor.at = start; ; cursor.at += 1) {
    const character = cursor.current;
    if (character === code.newline) cursor.unsure();
    if (character === code.quote) break;
    if (character !== code.backslash) continue;
    text += cursor.text.slice(plainFrom, cursor.at) + readEscape(cursor);
    plainFrom = cursor.at + 1;
  }
  text += cursor.text.slice(plainFrom, cursor.at);
  cursor.at += 1;
  return text;
}

/** Leaves the cursor on the last character of the escape. */
function readEscape(cursor: Cursor): string {
  cursor.at += 1;
  const letter = cursor.text.charAt(cursor.at);
  const simple = Object.hasOwn(escapes, letter) ? escapes[letter] : undefined;
  if (simple !== undefined) return simple;
  const length = letter === 'x' ? 2 : letter === 'u' ? 4 : 0;
  const digits = cursor.text.slice(cursor.at + 1, cursor.at + 1 + length);
  if (length === 0 || !/^[0-9a-fA-F]+$/.test(digits) || digits.length !== length) cursor.unsure();
  cursor.at += length;
  return String.fromCharCode(parseInt(digits, 16));
}

function readSingleQuoted(cursor: Cursor): string {
  const start = cursor.at + 1;
  const lineEnd = cursor.lineEnd();
  let escaped = false;
  for (let close = cursor.text.indexOf("'", start); close !== -1 && close < lineEnd;) {
    if (cursor.text.charCodeAt(close + 1) !== code.apostrophe) {
      cursor.at = close + 1;
      const raw = cursor.text.slice(start, close);
      return escaped ? raw.replaceAll("''", "'") : raw;
    }
    escaped = true;
    close = cursor.text.indexOf("'", close + 2);
  }
  return cursor.unsure();
}

// What a plain scalar may not begin with (§7.3.3), and `<`, so that a merge key is met by the reader that refuses it.
const indicators = new Set(Array.from(',[]{}#&*!|>\'"%@`<', (character) => character.charCodeAt(0)));

function readPlain(cursor: Cursor, inFlow: boolean): string {
  const start = cursor.at;
  const first = cursor.current;
  if (indicators.has(first)) cursor.unsure();
  if (first === code.dash || first === code.colon || first === 0x3f) {
    const next = cursor.peek(1);
    if (isSpaceOrEnd(next) || isFlowIndicator(next)) cursor.unsure();
  }
  let lastText = start;
  for (; ; cursor.at += 1) {
    const character = cursor.current;
    if (character === code.newline) break;
    if (character === code.tab) cursor.unsure();
    if (character === code.space) continue;
    if (character === code.colon) {
      const next = cursor.peek(1);
      if (isSpaceOrEnd(next) || (inFlow && isFlowIndicator(next))) break;
    }
    if (character === code.hash && cursor.peek(-1) === code.space) break;
    if (inFlow && isFlowIndicator(character)) break;
    lastText = cursor.at + 1;
  }
  if (lastText === start) cursor.unsure();
  cursor.at = lastText;
  return cursor.text.slice(start, lastText);
}
