import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Invocation } from '../verb.ts';
import { readAll, readInput } from './read-input.ts';

const passwordVariable = 'GARRISON_EXPORT_PASSWORD';

type Place = Pick<Invocation, 'env' | 'cwd' | 'stdin'> & {
  readonly flags: { readonly 'password-file': string | undefined };
};

/** From a file, standard input or the environment; never an argument, which every process of the machine may read. */
export async function readStorePassword({ flags, env, cwd, stdin }: Place): Promise<string> {
  const file = flags['password-file'];
  const text =
    file === undefined
      ? env[passwordVariable]
      : file === '-'
        ? await readAll(stdin)
        : readInput(path.resolve(cwd, file), '--password-file');
  const password = text?.replace(/\r?\n$/, '') ?? '';
  if (password !== '') return password;
  throw new GarrisonError('INVALID_ARGUMENT', 'a p12 needs a password', {
    place: '--password-file',
    remedy: `give it in a file, on standard input with \`--password-file -\`, or in \`${passwordVariable}\``,
  });
}
