import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { federatedJson, federatedText } from './federated-text.ts';

export const verb = declareVerb({
  name: 'identity bundle set',
  summary: 'take this bundle for that of another trust domain, whatever was known before',
  positionals: 'TRUST-DOMAIN FILE',
  minPositionals: 2,
  flags: adminFlags,
  example: 'garrison identity bundle set partner.example ./bundle.json',
  async run(invocation) {
    const { positionals, output, cwd } = invocation;
    const [trustDomain = '', file = '', ...more] = positionals;
    if (more.length > 0) throw new GarrisonError('INVALID_ARGUMENT', 'one trust domain has one bundle');
    return withAdmin(invocation, async ({ federation }) => {
      const request = { trustDomain, document: read(path.resolve(cwd, file)) };
      const bundle = await callUnary(federation.setDocument.bind(federation), request).catch((error: unknown) => {
        throw ofFile(file, error);
      });
      output.result(federatedJson(bundle), federatedText(bundle));
      return 0;
    });
  },
});

/** What the authority finds wrong in the document, it cannot say of which file. */
function ofFile(file: string, error: unknown): unknown {
  if (!(error instanceof GarrisonError) || error.code !== 'INVALID_ARGUMENT') return error;
  return new GarrisonError(error.code, error.message, { place: file, cause: error });
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be read`, {
      remedy: 'get one over there: `garrison identity bundle show --format spiffe`',
      cause,
    });
  }
}
