import { readFileSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';

/** A file that a flag names. */
export function readInput(file: string, place: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('NOT_FOUND', `\`${file}\` cannot be read`, {
      place,
      remedy: 'name a file that this user may read',
      cause,
    });
  }
}

/** Standard input to its end. */
export async function readAll(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin) chunks.push(chunk);
  return Buffer.concat(chunks).toString('utf8');
}
