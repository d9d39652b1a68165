import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { jwtJson, jwtText } from './jwt-text.ts';

export const verb = declareVerb({
  name: 'identity jwt revoke',
  summary: 'make every JWT-SVID that a key signed worthless at once; `identity jwt rotate` first, where it signs still',
  positionals: 'KID',
  minPositionals: 1,
  flags: adminFlags,
  example: 'garrison identity jwt revoke NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs',
  async run(invocation) {
    const { positionals, output } = invocation;
    return withAdmin(invocation, async ({ jwt }) => {
      for (const kid of positionals) {
        const revoked = await callUnary(jwt.changeJwtAuthority.bind(jwt), { step: 'revoke', kid });
        output.result(jwtJson(revoked), jwtText(revoked));
      }
      return 0;
    });
  },
});
