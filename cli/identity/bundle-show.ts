import { createHash, X509Certificate } from 'node:crypto';
import { encodePem } from '#ca/pem.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';

export const verb = declareVerb({
  name: 'identity bundle show',
  summary: 'the roots that this trust domain is verified with',
  flags: adminFlags,
  example: 'garrison identity bundle show > roots.pem',
  async run(invocation) {
    return withAdmin(invocation, async ({ client }) => {
      const { trustDomain, roots } = await callUnary(client.getBundle.bind(client), {});
      const described = roots.map((der) => {
        const certificate = new X509Certificate(der);
        return {
          subject: certificate.subject.replaceAll('\n', ', '),
          serial: certificate.serialNumber.toLowerCase(),
          expires: certificate.validToDate.toISOString(),
          sha256: createHash('sha256').update(der).digest('hex'),
          pem: encodePem('CERTIFICATE', der),
        };
      });
      invocation.output.result({ trustDomain, roots: described }, described.map(({ pem }) => pem).join(''));
      return 0;
    });
  },
});
