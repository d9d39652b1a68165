import { GarrisonError } from '#proto/errors/index.ts';
import type { Timestamp } from '#proto/gen/google/protobuf/timestamp.ts';
import type { Clock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { parseDuration } from '#schema/index.ts';
import { declareVerb } from '../verb.ts';
import { adminFlags, identityFlags, namedIdentity, withAdmin } from './admin.ts';
import { recordJson, recordLine } from './certificate-text.ts';

const pageSize = 1000;

export const verb = declareVerb({
  name: 'identity list',
  summary: 'every certificate that was issued or meant to be, newest first',
  flags: {
    ...identityFlags,
    caller: { kind: 'string', value: 'CALLER', describe: 'who asked, as the list shows it: `svid:SERIAL`, `admin`' },
    state: { kind: 'string', value: 'STATE', describe: 'issued, intended, failed or unknown' },
    since: { kind: 'string', value: 'TIME', describe: '`15m`, `2h` ago, or `2026-01-31T12:00:00Z`' },
    until: { kind: 'string', value: 'TIME', describe: 'as --since' },
    limit: { kind: 'string', value: 'NUMBER', describe: 'most certificates shown; 100' },
    ...adminFlags,
  },
  example: 'garrison identity list --service-account default/reviews --since 2h',
  async run(invocation) {
    const { flags, output, clock } = invocation;
    return withAdmin(invocation, async ({ client, config }) => {
      const filter = {
        spiffeId: namedIdentity(flags, config)?.toString() ?? '',
        caller: flags.caller ?? '',
        state: flags.state ?? '',
        from: momentOf(flags.since, '--since', clock),
        to: momentOf(flags.until, '--until', clock),
      };
      let left = limitOf(flags.limit);
      let before = 0n;
      while (left > 0) {
        const page = { ...filter, before, limit: Math.min(left, pageSize) };
        const { certificates } = await callUnary(client.listCertificates.bind(client), page);
        for (const one of certificates) output.result(recordJson(one), recordLine(one));
        left -= certificates.length;
        before = certificates.at(-1)?.number ?? 0n;
        if (certificates.length < page.limit || before <= 1n) break;
      }
      return 0;
    });
  },
});

function momentOf(text: string | undefined, place: string, clock: Clock): Timestamp | undefined {
  if (text === undefined) return undefined;
  const ago = parseDuration(text.replace(/^(\d+)d$/, (_, days: string) => `${Number(days) * 24}h`));
  const written = /^\d{4}-\d\d-\d\d([T ].*)?$/.test(text) ? Date.parse(text) : NaN;
  const ms = ago === undefined ? written : clock.now().getTime() - ago;
  if (!Number.isNaN(ms)) return { seconds: BigInt(Math.floor(ms / 1000)), nanos: 0 };
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no time`, {
    place,
    remedy: 'write `15m`, `2h`, `7d` or `2026-01-31T12:00:00Z`',
  });
}

function limitOf(text: string | undefined): number {
  if (text === undefined) return 100;
  if (/^[1-9][0-9]{0,8}$/.test(text)) return Number(text);
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no number of certificates`, {
    place: '--limit',
    remedy: 'give a whole number from 1',
  });
}
