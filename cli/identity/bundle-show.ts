import { createHash, X509Certificate } from 'node:crypto';
import { encodePem } from '#ca/pem.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';

export const verb = declareVerb({
  name: 'identity bundle show',
  summary: 'what this trust domain, or another one, is verified with',
  flags: {
    'trust-domain': { kind: 'string', value: 'NAME', describe: 'another trust domain, of `ca.federation`' },
    format: {
      kind: 'string',
      value: 'FORMAT',
      describe: 'pem: the roots; spiffe: the bundle document, roots and JWT keys; pem',
    },
    ...adminFlags,
  },
  example: 'garrison identity bundle show --format spiffe > bundle.json',
  async run(invocation) {
    const { flags, output } = invocation;
    const { format = 'pem', 'trust-domain': other = '' } = flags;
    if (format !== 'pem' && format !== 'spiffe') {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${format}\` is no format`, {
        place: '--format',
        remedy: 'write `pem` or `spiffe`',
      });
    }
    return withAdmin(invocation, async ({ federation, config }) => {
      const request = { trustDomain: other };
      const { document, roots } = await callUnary(federation.getDocument.bind(federation), request);
      const trustDomain = other === '' ? config.trustDomain : other;
      if (document === '') {
        output.note(`the bundle of ${trustDomain} is not known yet: garrison identity bundle list says why`);
        return 1;
      }
      if (format === 'spiffe') {
        output.result({ trustDomain, document: JSON.parse(document) as unknown }, document);
        return 0;
      }
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
      output.result({ trustDomain, roots: described }, described.map(({ pem }) => pem).join(''));
      return 0;
    });
  },
});
