import type { Logger } from '#runtime/logger.ts';
import { writeInPieces } from '#runtime/write-in-pieces.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import { mapsAsLists } from './revisions.ts';
import type { PolicyFile, RevisionStore, StoredRevision } from './revisions.ts';

const name = 'authz/revision.json';

/**
 * Keeps the last good revision in the state folder. It is a memory and the policy folder is the truth: a file that cannot
 * be read or written is told to the operator, and keeps no policy from coming into force.
 */
export function revisionFile(state: StateFolder, logger: Logger): RevisionStore {
  return {
    load: () => {
      try {
        const text = state.read(name);
        return text === undefined ? undefined : parse(JSON.parse(text));
      } catch (error) {
        logger.warn('the remembered revision cannot be read', { path: state.join(name), error });
        return undefined;
      }
    },
    save: async (revision) => {
      try {
        await writeInPieces(state.join(name), jsonOf(revision));
      } catch (error) {
        logger.error('the revision cannot be remembered', { path: state.join(name), error });
      }
    },
  };
}

const pieceSize = 64 * 1024;

/** In pieces: the documents of a large mesh are some megabytes. */
function* jsonOf({ number, activated, files, mesh }: StoredRevision): Generator<string> {
  const head = JSON.stringify({ number, activated: activated.toISOString(), mesh }, mapsAsLists);
  yield `${head.slice(0, -1)},"files":[`;
  for (const [i, file] of files.entries()) {
    yield `${i === 0 ? '' : ','}{"name":${JSON.stringify(file.name)},"text":"`;
    // A character outside the basic plane that is cut in two is written as two escapes, which are read as one.
    for (let at = 0; at < file.text.length; at += pieceSize)
      yield JSON.stringify(file.text.slice(at, at + pieceSize)).slice(1, -1);
    yield '"}';
  }
  yield ']}';
}

function parse(value: unknown): StoredRevision {
  const { number, activated, files, mesh } = value as Record<string, unknown>;
  const date = new Date(String(activated));
  const sound =
    Number.isSafeInteger(number) && !Number.isNaN(date.getTime()) && typeof mesh === 'object' && mesh !== null;
  if (!sound || !Array.isArray(files) || !files.every(isFile)) throw new TypeError('it is not what was written');
  return { number: number as number, activated: date, files, mesh };
}

function isFile(value: unknown): value is PolicyFile {
  if (typeof value !== 'object' || value === null) return false;
  return 'name' in value && typeof value.name === 'string' && 'text' in value && typeof value.text === 'string';
}
