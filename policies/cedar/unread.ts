import { GarrisonError } from '#proto/errors/index.ts';
import type { CedarEngine } from './engine.ts';

/** For processes that read documents and decide nothing by them: whoever put these in force has validated the Cedar in them. */
export const unreadCedar: CedarEngine = {
  validate: () => [],
  effects: () => [],
  prepare: () => ({
    ask: () => {
      throw new GarrisonError('FAILED_PRECONDITION', 'this process does not decide by Cedar');
    },
  }),
};
