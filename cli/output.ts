import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';

/** Where a verb's words go: results on standard output, everything meant for people's eyes only on standard error. */
export interface Output {
  readonly json: boolean;
  /** One result: the object as a line of JSON, or the text. May be called many times. */
  result(value: unknown, text: string): void;
  /** For people only, in both forms of output. */
  note(text: string): void;
}

export interface Streams {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

export function createOutput(json: boolean, streams: Streams): Output {
  return {
    json,
    result: (value, text) => streams.stdout(json ? `${toJson(value)}\n` : text.endsWith('\n') ? text : `${text}\n`),
    note: (text) => streams.stderr(`${text}\n`),
  };
}

/** The one printer of errors. */
export function printError(error: unknown, output: Output): void {
  const known = asGarrisonError(error);
  if (output.json) {
    const { code, message, place, remedy } = known;
    output.result({ error: { code, message, place, remedy } }, '');
  }
  output.note(`garrison: ${known.describe()}`);
  if (!(error instanceof GarrisonError)) {
    output.note(error instanceof Error ? (error.stack ?? error.message) : String(error));
    output.note('this is a fault of garrison; please report it with the lines above');
  }
}

/** JSON has no 64-bit integers: they are written as numbers while they fit, else as strings. */
function toJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item === 'bigint') return Number.isSafeInteger(Number(item)) ? Number(item) : item.toString();
    if (item instanceof Map) return Object.fromEntries(item as Map<string, unknown>);
    return item;
  });
}
