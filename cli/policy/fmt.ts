import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { formatDocuments } from '#policies/documents/index.ts';
import { describeFault } from '#schema/index.ts';
import { declareVerb } from '../verb.ts';
import { readSources } from './read-sources.ts';

export const verb = declareVerb({
  name: 'policy fmt',
  summary: 'lay documents out in one way: order of keys, indentation; comments stay',
  positionals: 'PATH…',
  minPositionals: 1,
  flags: { check: { kind: 'boolean', describe: 'write nothing; exit 1 when a file would change' } },
  example: 'garrison policy fmt ./policies --check',
  run({ flags, positionals, output, cwd }) {
    const changes = readSources(positionals, cwd).flatMap((file) => {
      // JSON is YAML, but would not come out as JSON.
      if (file.name.endsWith('.json')) return [];
      const before = new TextDecoder().decode(file.text);
      const formatted = formatDocuments(before, file.name);
      if ('faults' in formatted) throw unreadable(file.name, formatted.faults.map(describeFault));
      return formatted.text === before ? [] : [{ file: file.name, text: formatted.text }];
    });
    for (const { file, text } of changes) {
      if (!flags.check) writeFileSync(path.resolve(file), text);
      output.result({ file, changed: !flags.check }, file);
    }
    const said = flags.check ? 'would change' : 'changed';
    output.note(changes.length === 0 ? 'nothing to change' : `${changes.length} files ${said}`);
    return Promise.resolve(flags.check && changes.length > 0 ? 1 : 0);
  },
});

/** Nothing is written before everything has been read. */
function unreadable(file: string, faults: readonly string[]): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `cannot be read: ${faults.join('; ')}`, {
    place: file,
    remedy: '`garrison policy validate` tells more; nothing was written',
  });
}
