import path from 'node:path';
import type { Authority } from '#proto/gen/garrison/v1/identity.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { keepAlive } from '#runtime/keep-alive.ts';
import { parseDuration } from '#schema/index.ts';
import { makeKnownMs } from '#services/ca/authority/keep-authorities.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, withAdmin } from './admin.ts';
import { authorityJson, authorityText } from './authority-text.ts';
import { noteExposed } from './note-exposed.ts';
import { signIntermediate } from './sign-intermediate.ts';

export const verb = declareVerb({
  name: 'identity rotate',
  summary: 'a new root that everybody trusts before it signs; or only a new intermediate under the same root',
  flags: {
    issuing: { kind: 'boolean', describe: 'only the intermediate; the root’s key must be in its place, or --from' },
    from: { kind: 'string', value: 'CEREMONY', describe: 'with --issuing: sign with the key that this ceremony made' },
    'new-root': {
      kind: 'boolean',
      describe: 'also where the root’s key is kept elsewhere: the new one’s is kept here',
    },
    prepare: {
      kind: 'boolean',
      describe: 'only make the new authority known; activate it by another `identity rotate`',
    },
    wait: { kind: 'string', value: 'DURATION', describe: 'between making it known and signing with it; `10s`' },
    ...adminFlags,
  },
  example: 'garrison identity rotate --wait 1m',
  async run(invocation) {
    const { flags, output, clock, cwd, signal } = invocation;
    const wait = flags.wait === undefined ? makeKnownMs : parseDuration(flags.wait);
    if (wait === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${flags.wait ?? ''}\` is no duration`, {
        place: '--wait',
        remedy: 'write `10s`, `5m` or `0s`',
      });
    }
    if (flags.from !== undefined && !flags.issuing) {
      throw new GarrisonError('INVALID_ARGUMENT', '`--from` goes with `--issuing`', { place: '--from' });
    }
    if (flags['new-root'] && flags.issuing) {
      throw new GarrisonError('INVALID_ARGUMENT', '`--issuing` keeps the root', { place: '--new-root' });
    }
    return withAdmin(invocation, async ({ client }) => {
      const change = (step: string, id = ''): Promise<Authority> =>
        callUnary(client.changeAuthority.bind(client), { step, id });
      const show = (authority: Authority): void => output.result(authorityJson(authority), authorityText(authority));
      if (flags.issuing) {
        show(
          flags.from === undefined
            ? await change('renew-issuing')
            : await signIntermediate(client, path.resolve(cwd, flags.from), { clock, onExposed: noteExposed(output) }),
        );
        return 0;
      }
      const { authorities } = await callUnary(client.listAuthorities.bind(client), {});
      const waiting = authorities.find(({ state }) => state === 'prepared');
      const prepared = waiting ?? (await change(flags['new-root'] ? 'prepare-new-root' : 'prepare'));
      if (flags.prepare) {
        show(prepared);
        return 0;
      }
      if (waiting === undefined && wait > 0) {
        output.note(`\`${prepared.id}\` is known to everybody who listens; it signs in ${wait / 1000} s`);
        output.note(
          'those who ask now and then (federation, OpenID Connect) need longer: a few refresh hints, `--wait 25m`',
        );
        await keepAlive(clock.sleep(wait, signal));
        if (signal.aborted) return 1;
      }
      show(await change('activate', prepared.id));
      return 0;
    });
  },
});
