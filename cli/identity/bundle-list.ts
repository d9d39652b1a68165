import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { federatedJson, federatedText } from './federated-text.ts';

export const verb = declareVerb({
  name: 'identity bundle list',
  summary: 'the trust domains that this one federates with, and how fresh their bundles are',
  flags: adminFlags,
  example: 'garrison identity bundle list',
  async run(invocation) {
    return withAdmin(invocation, async ({ federation }) => {
      const { bundles } = await callUnary(federation.listBundles.bind(federation), {});
      for (const bundle of bundles) invocation.output.result(federatedJson(bundle), federatedText(bundle));
      if (bundles.length === 0) invocation.output.note('none: `ca.federation` names no trust domain');
      return 0;
    });
  },
});
