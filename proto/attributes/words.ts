import { GarrisonError } from '#proto/errors/index.ts';
import { globalIndex, globalWords } from './dictionary.ts';

/** Turns words into indices while a message is written, and keeps the words that only this message has. */
export class WordList {
  readonly words: string[] = [];
  readonly globalWordCount: number;
  readonly #own = new Map<string, number>();

  constructor(globalWordCount: number = globalWords.length) {
    if (!Number.isInteger(globalWordCount) || globalWordCount < 0 || globalWordCount > globalWords.length) {
      throw new GarrisonError('INVALID_ARGUMENT', `the global dictionary has no \`${globalWordCount}\` words`, {
        remedy: `agree on a count from 0 to ${globalWords.length}`,
      });
    }
    this.globalWordCount = globalWordCount;
  }

  index(word: string): number {
    const global = globalIndex.get(word);
    if (global !== undefined && global < this.globalWordCount) return global;
    const known = this.#own.get(word);
    if (known !== undefined) return known;
    // A lone surrogate has no UTF-8 form; written anyway, it would arrive as another word.
    if (!word.isWellFormed()) {
      throw new GarrisonError('INVALID_ARGUMENT', 'a word is not well-formed Unicode', {
        remedy: 'pass text without lone surrogates',
      });
    }
    this.words.push(word);
    const index = -this.words.length;
    this.#own.set(word, index);
    return index;
  }
}
