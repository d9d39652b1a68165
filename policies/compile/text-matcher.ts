import { AffixTable } from './affix-table.ts';
import { matchesPattern } from './pattern.ts';
import type { Pattern } from './pattern.ts';

/** Tells whether any pattern of a list matches a text, in time that does not grow with the list. */
export interface Matcher {
  matches(text: string): boolean;
  /** Patterns that are at least as wide as the matcher. */
  keys(): readonly Pattern[];
  /** It matches exactly what a key other than presence matches. */
  readonly precise: boolean;
}

/** Lists up to this length are compared one by one; longer ones get a set and tables. */
const FEW = 4;

/** `anyTakesEmpty`: for a header `*` means present, even if empty; for all else it means not empty. */
export function textMatcher(patterns: readonly Pattern[], anyTakesEmpty = false): Matcher {
  const [only] = patterns;
  if (patterns.length === 1 && only?.kind === 'exact') return new OneText(only.text);
  return patterns.length <= FEW ? new FewPatterns(patterns, anyTakesEmpty) : new ManyPatterns(patterns, anyTakesEmpty);
}

/** One exact value: by far the most frequent list. */
class OneText implements Matcher {
  readonly #text: string;

  constructor(text: string) {
    this.#text = text;
  }

  matches(text: string): boolean {
    return text === this.#text;
  }

  get precise(): boolean {
    return true;
  }

  keys(): readonly Pattern[] {
    return [{ kind: 'exact', text: this.#text }];
  }
}

class FewPatterns implements Matcher {
  readonly #patterns: readonly Pattern[];
  readonly #takesEmpty: boolean;

  constructor(patterns: readonly Pattern[], anyTakesEmpty: boolean) {
    this.#patterns = patterns;
    this.#takesEmpty = anyTakesEmpty && patterns.some(({ kind }) => kind === 'any');
  }

  matches(text: string): boolean {
    if (this.#takesEmpty) return true;
    for (const pattern of this.#patterns) if (matchesPattern(pattern, text)) return true;
    return false;
  }

  get precise(): boolean {
    return this.#patterns.every(({ kind }) => kind !== 'any');
  }

  keys(): readonly Pattern[] {
    return this.#patterns;
  }
}

class ManyPatterns implements Matcher {
  readonly #patterns: readonly Pattern[];
  readonly #any: boolean;
  readonly #takesEmpty: boolean;
  readonly #exact = new Set<string>();
  readonly #prefixes = new AffixTable<true>('prefix');
  readonly #suffixes = new AffixTable<true>('suffix');

  constructor(patterns: readonly Pattern[], anyTakesEmpty: boolean) {
    this.#patterns = patterns;
    this.#any = patterns.some(({ kind }) => kind === 'any');
    this.#takesEmpty = anyTakesEmpty;
    for (const pattern of patterns) {
      if (pattern.kind === 'exact') this.#exact.add(pattern.text);
      if (pattern.kind === 'prefix') this.#prefixes.upsert(pattern.text, () => true);
      if (pattern.kind === 'suffix') this.#suffixes.upsert(pattern.text, () => true);
    }
  }

  matches(text: string): boolean {
    if (this.#any && (text !== '' || this.#takesEmpty)) return true;
    return this.#exact.has(text) || this.#prefixes.hits(text) || this.#suffixes.hits(text);
  }

  get precise(): boolean {
    return this.#patterns.every(({ kind }) => kind !== 'any');
  }

  keys(): readonly Pattern[] {
    return this.#patterns;
  }
}
