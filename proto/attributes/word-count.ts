import { GarrisonError } from '#proto/errors/index.ts';
import { globalWords } from './dictionary.ts';

/**
 * A caller that knows more global words than we do may use indices we would misread, so nothing of its message is used.
 * Code and text are those of Mixer 1.1 and later, which its clients know. A smaller count is fine: every version of the
 * dictionary is a prefix of the next, so each index means the same word here.
 */
export function checkGlobalWordCount(count: number, place: string): void {
  if (count <= globalWords.length) return;
  throw new GarrisonError(
    'INTERNAL',
    `inconsistent global dictionary versions used: mixer knows ${globalWords.length} words, caller knows ${count}`,
    { place, remedy: `encode with the first ${globalWords.length} words of the dictionary only` },
  );
}
