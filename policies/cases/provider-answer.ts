import { field, object, oneOf, record } from '#schema/index.ts';
import type { Shape } from '#schema/index.ts';
import type { ProviderAnswer } from '../decide/evidence.ts';
import type { HeaderEdit } from '../decide/provider-headers.ts';
import { orAbsent } from './or-absent.ts';
import { octetText } from './request-shape.ts';

/** What a CUSTOM provider says in a case: that it allows or denies, or which headers it sets while it allows. */
export type AnswerText = ProviderAnswer | { readonly headers: readonly HeaderEdit[] };

const word = oneOf(['allow', 'deny']);
const changes = object({
  headers: field(record(orAbsent(octetText)), {
    describe: 'Headers that it sets on the request it allows; null: takes away. DENY and ALLOW rules see them so.',
    required: true,
  }),
});

export const providerAnswer: Shape<AnswerText> = {
  read(node, reading) {
    if (node.kind !== 'map') return word.read(node, reading);
    const read = changes.read(node, reading);
    return read && { headers: [...read.headers].map(([name, value]) => editOf(name, value)) };
  },
  schema: { anyOf: [word.schema, changes.schema] },
};

function editOf(name: string, value: string | null): HeaderEdit {
  return value === null ? { operation: 'remove', name, value: '' } : { operation: 'replace', name, value };
}
