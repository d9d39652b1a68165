import type { Pattern } from './pattern.ts';
import type { Matcher } from './text-matcher.ts';

/** Values in which every `*` stands for any characters; matched piece by piece, leftmost first, without going back. */
export class GlobMatcher implements Matcher {
  readonly precise = false;
  readonly #values: readonly string[];
  readonly #globs: readonly (readonly string[])[];

  constructor(values: readonly string[]) {
    this.#values = values;
    this.#globs = values.map((value) => value.split('*'));
  }

  matches(text: string): boolean {
    return text !== '' && this.#globs.some((pieces) => matchesPieces(pieces, text));
  }

  keys(): readonly Pattern[] {
    return this.#values.map(globKey);
  }
}

function matchesPieces(pieces: readonly string[], text: string): boolean {
  const first = pieces[0] ?? '';
  if (pieces.length === 1) return text === first;
  const last = pieces.at(-1) ?? '';
  if (text.length < first.length + last.length || !text.startsWith(first) || !text.endsWith(last)) return false;
  const end = text.length - last.length;
  let at = first.length;
  for (const piece of pieces.slice(1, -1)) {
    const found = text.indexOf(piece, at);
    if (found < 0 || found + piece.length > end) return false;
    at = found + piece.length;
  }
  return true;
}

/** A pattern at least as wide as the glob. */
function globKey(value: string): Pattern {
  const pieces = value.split('*');
  const first = pieces[0] ?? '';
  const last = pieces.at(-1) ?? '';
  if (pieces.length === 1) return { kind: 'exact', text: value };
  if (first === '' && last === '') return { kind: 'any' };
  return first.length >= last.length ? { kind: 'prefix', text: first } : { kind: 'suffix', text: last };
}
