import { readFileSync } from 'node:fs';
import { GarrisonError } from '#proto/errors/index.ts';
import { type Fault, type Shape, describeFault, describePlace, parse, readYaml } from '#schema/index.ts';
import { displayName } from '../read-files.ts';

/** Reads one strict document; an empty file is an empty mapping. Throws with every fault there is, each with its place. */
export function readConfigFile<T>(shape: Shape<T>, file: string): T {
  return readConfigText(shape, readText(file), displayName(file));
}

export function readConfigText<T>(shape: Shape<T>, text: string | Uint8Array, name: string): T {
  const read = readYaml(text, name);
  const faults: Fault[] = [...read.faults];
  const [first, second] = read.documents.length === 0 ? readYaml('{}', name).documents : read.documents;
  if (second !== undefined) {
    const fix = 'keep one and remove the others';
    faults.push({ severity: 'error', place: second.place, field: '', reason: 'a second document in the file', fix });
  }
  const value = first === undefined ? undefined : parse(shape, first, (fault) => faults.push(fault));
  const errors = faults.filter((fault) => fault.severity === 'error');
  if (errors.length > 0 || value === undefined) throw refusal(errors, name);
  return value;
}

function refusal(faults: readonly Fault[], name: string): GarrisonError {
  const [only, ...more] = faults;
  if (only === undefined) return new GarrisonError('INVALID_ARGUMENT', 'cannot be read', { place: name });
  if (more.length > 0) {
    const lines = faults.map((fault) => `\n  ${describeFault(fault)}`).join('');
    return new GarrisonError('INVALID_ARGUMENT', `${faults.length} faults in \`${name}\`:${lines}`);
  }
  const message = only.field === '' ? only.reason : `${only.field}: ${only.reason}`;
  const remedy = only.fix === undefined ? {} : { remedy: only.fix };
  return new GarrisonError('INVALID_ARGUMENT', message, { place: describePlace(only.place), ...remedy });
}

function readText(file: string): Uint8Array {
  try {
    return readFileSync(file);
  } catch (cause) {
    const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
    throw new GarrisonError(
      missing ? 'NOT_FOUND' : 'FAILED_PRECONDITION',
      missing
        ? `there is no file \`${file}\``
        : `\`${file}\` cannot be read (${String((cause as NodeJS.ErrnoException).code)})`,
      { remedy: missing ? 'create it, or name another with `--config`' : 'let this user read it', cause },
    );
  }
}
