import words from './dictionary.json' with { type: 'json' };

/**
 * The words that every Mixer peer knows, by index. Append-only; each published version is a prefix of the next.
 * Quotes inside a word are part of it: the upstream generators took each line of the list literally, not as YAML.
 */
export const globalWords: readonly string[] = Object.freeze(words.map(asPropertyName));

/** Index of each global word. A word occurs once, so the inverse is whole. */
export const globalIndex: ReadonlyMap<string, number> = new Map(globalWords.map((word, index) => [word, index]));

/** Of property names, as of text in code, V8 keeps one each: a look into a bag by a name in code then compares no text. */
function asPropertyName(word: string): string {
  return Object.keys({ [word]: undefined })[0] ?? word;
}
