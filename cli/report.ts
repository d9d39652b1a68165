import { encodeReport } from '#proto/attributes/index.ts';
import { asGarrisonError } from '#proto/errors/index.ts';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { attributeHelp, parseAttributes } from './attribute-flags.ts';
import { clientFlags, serverToCall } from './client-identity.ts';
import { declareVerb } from './verb.ts';

/** What a collector answers when it took nothing of it because of what it says. */
const refusals: readonly string[] = ['INVALID_ARGUMENT', 'PERMISSION_DENIED', 'FAILED_PRECONDITION'];

export const verb = declareVerb({
  name: 'report',
  summary: 'report that something happened',
  flags: {
    ...clientFlags,
    attribute: { kind: 'strings', value: 'NAME=VALUE', describe: attributeHelp },
  },
  example: 'garrison report --server 127.0.0.1:9093 --attribute request.method=GET --attribute response.code=200',
  async run({ flags, output, cwd }) {
    const request = encodeReport([parseAttributes(flags.attribute)]);
    const { address, security } = serverToCall(flags, 'telemetry', cwd);
    const client = grpcClient(MixerClient, address, security);
    try {
      await callUnary(client.report.bind(client), request);
      output.result({ kept: true }, 'kept');
      return 0;
    } catch (error) {
      const known = asGarrisonError(error);
      if (!refusals.includes(known.code)) throw error;
      output.result({ kept: false, code: known.code, reason: known.message }, `refused: ${known.message}`);
      return 1;
    } finally {
      client.close();
    }
  },
});
