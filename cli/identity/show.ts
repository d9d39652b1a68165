import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { recordDetails, recordJson } from './certificate-text.ts';

export const verb = declareVerb({
  name: 'identity show',
  summary: 'one certificate of the ledger: who asked, by what right, what became of it; exit 1 when there is none',
  positionals: 'SERIAL',
  minPositionals: 1,
  flags: adminFlags,
  example: 'garrison identity show 01a1fe42d325e1ae154ecbd8bad9a8263ea51a1a',
  async run(invocation) {
    const { positionals, output } = invocation;
    const [serial = ''] = positionals;
    return withAdmin(invocation, async ({ client }) => {
      try {
        const record = await callUnary(client.getCertificate.bind(client), { serial });
        output.result(recordJson(record), recordDetails(record));
        return 0;
      } catch (error) {
        if (!(error instanceof GarrisonError) || error.code !== 'NOT_FOUND') throw error;
        output.note(`garrison: ${error.describe()}`);
        return 1;
      }
    });
  },
});
