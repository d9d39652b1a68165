import { GarrisonError } from '#proto/errors/index.ts';
import { declareVerb } from '../verb.ts';
import type { Flags } from '../verb.ts';
import { askCollector, collectorAddress, collectorFlags } from './collector.ts';
import { recordDetails, recordText } from './record-text.ts';
import type { ShownRecord } from './record-text.ts';

/** Flags that are parameters of the collector under the same name. */
const filters = {
  decision: { kind: 'string', value: 'ID', describe: 'everything about one decision; exit 1 when there is none' },
  since: { kind: 'string', value: 'TIME', describe: '`15m`, `2h`, `7d` ago, or `2026-01-31T12:00:00Z`' },
  until: { kind: 'string', value: 'TIME', describe: 'as --since' },
  principal: { kind: 'string', value: 'ID', describe: 'who acted, as a SPIFFE ID with or without `spiffe://`' },
  workload: { kind: 'string', value: 'NAME', describe: 'at either end, as `name` or `namespace/name`' },
  namespace: { kind: 'string', value: 'NAME', describe: 'at either end' },
  source: { kind: 'string', value: 'WORKLOAD', describe: 'the calling workload' },
  destination: { kind: 'string', value: 'WORKLOAD', describe: 'the called workload' },
  effect: { kind: 'string', value: 'EFFECT', describe: 'allow, deny or unknown' },
  policy: { kind: 'string', value: 'NAME', describe: 'the policy that decided, as `namespace/name`, or `none`' },
  revision: { kind: 'string', value: 'NUMBER', describe: 'the revision that decided' },
} as const satisfies Flags;

const pageSize = 1000;

interface Page {
  readonly records: readonly ShownRecord[];
  readonly next: number | null;
}

export const verb = declareVerb({
  name: 'audit query',
  summary: 'what happened, newest first, and which policy decided',
  flags: {
    ...filters,
    attribute: { kind: 'strings', value: 'NAME=VALUE', describe: 'any attribute, as `request.headers[x-user]=jason`' },
    limit: { kind: 'string', value: 'NUMBER', describe: 'most records shown; 100' },
    ...collectorFlags,
  },
  example: 'garrison audit query --effect deny --since 15m --destination default/ratings-v1',
  async run({ flags, output, env, cwd }) {
    const address = collectorAddress({ flags, env, cwd });
    const params = new URLSearchParams();
    for (const name of Object.keys(filters) as (keyof typeof filters)[]) {
      const value = flags[name];
      if (value !== undefined) params.set(name, value);
    }
    for (const condition of flags.attribute) params.append('attribute', condition);
    const show = flags.decision === undefined ? recordText : recordDetails;
    let left = readLimit(flags.limit);
    let found = 0;
    while (left > 0) {
      params.set('limit', Math.min(left, pageSize).toString());
      const { records, next } = (await askCollector(address, '/audit/records', params)) as Page;
      for (const record of records) output.result(record, show(record));
      found += records.length;
      left -= records.length;
      if (next === null) break;
      params.set('before', next.toString());
    }
    if (found > 0) return 0;
    output.note(flags.decision === undefined ? 'no records' : `no record of decision \`${flags.decision}\``);
    return flags.decision === undefined ? 0 : 1;
  },
});

function readLimit(text: string | undefined): number {
  if (text === undefined) return 100;
  const limit = /^[0-9]{1,9}$/.test(text) ? Number(text) : 0;
  if (limit > 0) return limit;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no number of records`, {
    place: '--limit',
    remedy: 'give a whole number from 1',
  });
}
