/**
 * Path templates: `{*}` is one or more characters inside one segment, `{**}` zero or more characters including `/`.
 * `{**}` is the last operator, literals may follow it. Profile `istio` and narrow lists read only the path characters of RFC 3986
 * (pchar); wide lists read any character, so that no odd byte slips past a DENY.
 */
export function isTemplate(value: string): boolean {
  return value.includes('{*}') || value.includes('{**}');
}

export class PathTemplate {
  /** What must stand before the first operator and after the last one. */
  readonly prefix: string;
  readonly suffix: string;
  readonly #literals: readonly string[];
  readonly #operators: readonly ('*' | '**')[];
  readonly #wide: boolean;

  constructor(value: string, wide: boolean) {
    const literals: string[] = [];
    const operators: ('*' | '**')[] = [];
    let from = 0;
    for (const found of value.matchAll(/\{(\*\*?)\}/g)) {
      literals.push(value.slice(from, found.index));
      operators.push(found[1] === '**' ? '**' : '*');
      from = found.index + found[0].length;
    }
    literals.push(value.slice(from));
    this.#literals = literals;
    this.#operators = operators;
    this.#wide = wide;
    this.prefix = literals[0] ?? '';
    this.suffix = literals.at(-1) ?? '';
  }

  /**
   * The set of positions that the operators read so far can end at, moved along literal by literal: time is
   * operators × length at the very worst, and no input makes it backtrack.
   */
  matches(path: string): boolean {
    if (!path.startsWith(this.prefix) || !path.endsWith(this.suffix)) return false;
    if (!this.#wide && !onlyPathCharacters(path)) return false;
    let ends: Uint8Array = new Uint8Array(path.length + 1);
    ends[this.prefix.length] = 1;
    for (let i = 0; i < this.#operators.length; i++) {
      const reached = this.#operators[i] === '**' ? spanAny(ends) : spanSegment(path, ends);
      ends = advance(path, reached, this.#literals[i + 1] ?? '');
    }
    return ends[path.length] === 1;
  }
}

function spanAny(starts: Uint8Array): Uint8Array {
  const out = new Uint8Array(starts.length);
  const first = starts.indexOf(1);
  if (first >= 0) out.fill(1, first);
  return out;
}

function spanSegment(path: string, starts: Uint8Array): Uint8Array {
  const out = new Uint8Array(starts.length);
  let inside = false;
  for (let at = 0; at < path.length; at++) {
    inside = (inside || starts[at] === 1) && path.charCodeAt(at) !== 0x2f;
    if (inside) out[at + 1] = 1;
  }
  return out;
}

function advance(path: string, starts: Uint8Array, literal: string): Uint8Array {
  if (literal === '') return starts;
  const out = new Uint8Array(starts.length);
  for (let at = path.indexOf(literal); at >= 0; at = path.indexOf(literal, at + 1)) {
    if (starts[at] === 1) out[at + literal.length] = 1;
  }
  return out;
}

/** pchar of RFC 3986 §3.3 and `/`; `%` stands for an escaped octet. */
const pathCharacters = new Set("/abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~%!$&'()*+,;=:@");
const isPathCharacter = new Uint8Array(128);
for (const character of pathCharacters) isPathCharacter[character.charCodeAt(0)] = 1;

function onlyPathCharacters(path: string): boolean {
  for (let at = 0; at < path.length; at++) if (isPathCharacter[path.charCodeAt(at)] !== 1) return false;
  return true;
}
