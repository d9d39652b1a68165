import { callUnary } from '#runtime/grpc/call-unary.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { jwtJson, jwtText } from './jwt-text.ts';

export const verb = declareVerb({
  name: 'identity jwt list',
  summary: 'the keys that JWT-SVIDs are verified with, the one that signs first',
  flags: adminFlags,
  example: 'garrison identity jwt list',
  async run(invocation) {
    return withAdmin(invocation, async ({ jwt }) => {
      const { authorities } = await callUnary(jwt.listJwtAuthorities.bind(jwt), {});
      for (const one of authorities) invocation.output.result(jwtJson(one), jwtText(one));
      return 0;
    });
  },
});
