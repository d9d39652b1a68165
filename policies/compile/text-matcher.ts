import { AffixTable } from './affix-table.ts';
import type { Pattern } from './pattern.ts';

/** Lists up to this length are compared one by one; longer ones get a set or a tree. */
const FEW = 4;

export interface Matcher {
  matches(text: string): boolean;
}

/** Tells whether any pattern of a list matches a text, in time that does not grow with the list. */
export class TextMatcher implements Matcher {
  readonly any: boolean;
  /** For a header `*` means present, even if empty; for all else it means not empty. */
  readonly #anyTakesEmpty: boolean;
  /** The whole list, where it is one exact value: by far the most frequent list. */
  readonly only: string | undefined;
  readonly #exact: readonly string[] | ReadonlySet<string> | undefined;
  readonly #prefixes: readonly string[] | AffixTable<true> | undefined;
  readonly #suffixes: readonly string[] | AffixTable<true> | undefined;

  constructor(patterns: readonly Pattern[], anyTakesEmpty = false) {
    this.#anyTakesEmpty = anyTakesEmpty;
    const single = patterns.length === 1 ? patterns[0] : undefined;
    this.any = patterns.some((pattern) => pattern.kind === 'any');
    this.only = single?.kind === 'exact' ? single.text : undefined;
    const exact = textsOf(patterns, 'exact');
    this.#exact = this.only !== undefined ? undefined : exact.length > FEW ? new Set(exact) : orNone(exact);
    this.#prefixes = affixes(textsOf(patterns, 'prefix'), 'prefix');
    this.#suffixes = affixes(textsOf(patterns, 'suffix'), 'suffix');
  }

  matches(text: string): boolean {
    if (this.only !== undefined) return text === this.only;
    if (this.any && (text !== '' || this.#anyTakesEmpty)) return true;
    const exact = this.#exact;
    if (
      exact !== undefined &&
      (Array.isArray(exact) ? exact.includes(text) : (exact as ReadonlySet<string>).has(text))
    ) {
      return true;
    }
    const prefixes = this.#prefixes;
    if (prefixes instanceof AffixTable) {
      if (prefixes.hits(text)) return true;
    } else if (prefixes !== undefined) {
      for (const prefix of prefixes) if (text.startsWith(prefix)) return true;
    }
    const suffixes = this.#suffixes;
    if (suffixes instanceof AffixTable) {
      if (suffixes.hits(text)) return true;
    } else if (suffixes !== undefined) {
      for (const suffix of suffixes) if (text.endsWith(suffix)) return true;
    }
    return false;
  }
}

function textsOf(patterns: readonly Pattern[], kind: 'exact' | 'prefix' | 'suffix'): string[] {
  const texts: string[] = [];
  for (const pattern of patterns) if (pattern.kind === kind) texts.push(pattern.text);
  return texts;
}

function orNone(texts: string[]): readonly string[] | undefined {
  return texts.length === 0 ? undefined : texts;
}

function affixes(texts: string[], direction: 'prefix' | 'suffix'): readonly string[] | AffixTable<true> | undefined {
  if (texts.length <= FEW) return orNone(texts);
  const tree = new AffixTable<true>(direction);
  for (const text of texts) tree.upsert(text, () => true);
  return tree;
}
