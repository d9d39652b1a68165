import { GarrisonError, grpcStatus } from '#proto/errors/index.ts';
import { globalWords } from './dictionary.ts';

/**
 * A caller that knows more global words than we do may use indices we would misread, so nothing of its message is used.
 * Status and text are those of Mixer 1.1 and later, which its clients know. A smaller count is fine: every version of the
 * dictionary is a prefix of the next, so each index means the same word here.
 */
export function checkGlobalWordCount(count: number): void {
  if (count <= globalWords.length) return;
  throw new GarrisonError(
    'FAILED_PRECONDITION',
    `inconsistent global dictionary versions used: mixer knows ${globalWords.length} words, caller knows ${count}`,
    {
      remedy: `encode with the first ${globalWords.length} words of the dictionary only`,
      wireStatus: grpcStatus.INTERNAL,
    },
  );
}
