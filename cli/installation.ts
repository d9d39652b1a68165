import { existsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';

export interface Installation {
  /** The folder of the package or of the checkout. */
  readonly root: string;
  /** The folder in which the code lies as it is run: `dist` where it was built, else the root itself. */
  readonly code: string;
  /** Of the programs in there: `.ts` in a checkout, `.js` where they were built. */
  readonly extension: string;
}

/** Where this program was put. What was built lies in files of other names and places than in a checkout. */
export function installation(): Installation {
  const extension = extname(import.meta.filename);
  let root = import.meta.dirname;
  while (!existsSync(join(root, 'bin/garrison.js')) && root !== dirname(root)) root = dirname(root);
  return { root, code: extension === '.ts' ? root : join(root, 'dist'), extension };
}
