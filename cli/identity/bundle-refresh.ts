import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { federatedJson, federatedText } from './federated-text.ts';

/** Longer than the authority waits for an endpoint, so that it is the one to say which does not answer. */
const timeoutMs = 30_000;

export const verb = declareVerb({
  name: 'identity bundle refresh',
  summary: 'ask the bundle endpoint of another trust domain now',
  positionals: 'TRUST-DOMAIN…',
  minPositionals: 1,
  flags: adminFlags,
  example: 'garrison identity bundle refresh partner.example',
  async run(invocation) {
    const { positionals, output } = invocation;
    return withAdmin(invocation, async ({ federation }) => {
      for (const trustDomain of positionals) {
        const bundle = await callUnary(federation.refreshBundle.bind(federation), { trustDomain }, { timeoutMs });
        output.result(federatedJson(bundle), federatedText(bundle));
      }
      return 0;
    });
  },
});
