import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { authorityJson, authorityText } from './authority-text.ts';

export const verb = declareVerb({
  name: 'identity taint',
  summary: 'have everything that an old authority signed replaced now, while it is still trusted',
  positionals: 'AUTHORITY',
  minPositionals: 1,
  flags: adminFlags,
  example: 'garrison identity taint e947a82154e50396',
  async run(invocation) {
    const { positionals, output } = invocation;
    const [id = ''] = positionals;
    return withAdmin(invocation, async ({ client }) => {
      const tainted = await callUnary(client.changeAuthority.bind(client), { step: 'taint', id });
      output.result(authorityJson(tainted), authorityText(tainted));
      output.note('when nobody stands on it any more: `garrison identity revoke --authority` takes the trust away');
      return 0;
    });
  },
});
