import type { JwtSigningKey } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { keepAlive } from '#runtime/keep-alive.ts';
import { parseDuration } from '#schema/index.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { jwtJson, jwtText } from './jwt-text.ts';

export const verb = declareVerb({
  name: 'identity jwt rotate',
  summary: 'a new key for JWT-SVIDs, which everybody knows before it signs',
  flags: {
    prepare: {
      kind: 'boolean',
      describe: 'only make the new key known; activate it by another `identity jwt rotate`',
    },
    wait: {
      kind: 'string',
      value: 'DURATION',
      describe: 'between making it known and signing with it; `10s`, and `25m` where others fetch the bundle',
    },
    ...adminFlags,
  },
  example: 'garrison identity jwt rotate --wait 25m',
  async run(invocation) {
    const { flags, output, clock, signal } = invocation;
    const wait = flags.wait === undefined ? 10_000 : parseDuration(flags.wait);
    if (wait === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${flags.wait ?? ''}\` is no duration`, {
        place: '--wait',
        remedy: 'write `10s`, `25m` or `0s`',
      });
    }
    return withAdmin(invocation, async ({ jwt }) => {
      const change = (step: string, kid = ''): Promise<JwtSigningKey> =>
        callUnary(jwt.changeJwtAuthority.bind(jwt), { step, kid });
      const show = (key: JwtSigningKey): void => output.result(jwtJson(key), jwtText(key));
      const { authorities } = await callUnary(jwt.listJwtAuthorities.bind(jwt), {});
      const waiting = authorities.find(({ state, authority }) => state === 'prepared' && authority === '');
      const prepared = waiting ?? (await change('prepare'));
      if (flags.prepare) {
        show(prepared);
        return 0;
      }
      if (waiting === undefined && wait > 0) {
        output.note(`\`${prepared.kid}\` is known to everybody who listens; it signs in ${wait / 1000} s`);
        await keepAlive(clock.sleep(wait, signal));
        if (signal.aborted) return 1;
      }
      show(await change('activate', prepared.kid));
      return 0;
    });
  },
});
