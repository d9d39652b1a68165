import { parseSpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { printable } from '../printable.ts';
import { declareVerb } from '../verb.ts';

/** What is known of one text. */
interface CheckedId {
  readonly id: string;
  readonly valid: boolean;
  readonly trustDomain: string | null;
  readonly path: string | null;
  readonly reason: string | null;
}

export const verb = declareVerb({
  name: 'identity check-id',
  summary: 'whether texts are SPIFFE IDs, and why not; exit 1 when one is not',
  positionals: 'ID…|-',
  minPositionals: 1,
  flags: {},
  example: 'garrison identity check-id spiffe://cluster.local/ns/default/sa/web',
  async run({ positionals, output, stdin }) {
    const seen = { valid: 0, invalid: 0 };
    const show = (id: string): void => {
      const checked = check(id);
      seen[checked.valid ? 'valid' : 'invalid'] += 1;
      output.result(checked, checked.valid ? `valid: ${printable(id)}` : `invalid: ${checked.reason ?? ''}`);
    };
    for (const id of positionals) {
      if (id !== '-') show(id);
      else for await (const line of linesOf(stdin)) show(line);
    }
    return seen.invalid === 0 ? 0 : 1;
  },
});

function check(id: string): CheckedId {
  try {
    const { trustDomain, path } = parseSpiffeId(id);
    return { id, valid: true, trustDomain, path, reason: null };
  } catch (error) {
    if (!(error instanceof GarrisonError)) throw error;
    return { id, valid: false, trustDomain: null, path: null, reason: error.describe() };
  }
}

/** Lines end with a line feed and nothing else: a carriage return is part of the text, and no part of a SPIFFE ID. */
async function* linesOf(stdin: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of stdin) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  rest += decoder.decode();
  if (rest !== '') yield rest;
}
