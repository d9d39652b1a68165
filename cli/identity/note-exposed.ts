import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import type { Output } from '../output.ts';

/** Tells whoever runs a verb of a file with a secret that others may read. */
export function noteExposed(output: Output): OnExposed {
  return ({ setting, file, mode, remedy }) =>
    output.note(`warning: others may read the file of \`${setting}\`, \`${file}\` (mode ${mode}): ${remedy}`);
}
