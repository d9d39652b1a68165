import { printable } from '../printable.ts';
import { declareVerb } from '../verb.ts';
import { askCollector, collectorAddress, collectorFlags } from './collector.ts';
import { calledOf, callerOf } from './record-text.ts';

interface Call {
  readonly principal?: string;
  readonly source: { readonly namespace?: string; readonly workload?: string };
  readonly destination: { readonly namespace?: string; readonly workload?: string };
  readonly allowed: number;
  readonly denied: number;
  readonly unknown: number;
  readonly failedOpen: number;
  readonly denials: readonly { readonly policy: string; readonly count: number }[];
}

const filters = ['since', 'namespace', 'workload', 'reporter'] as const;

export const verb = declareVerb({
  name: 'audit stats',
  summary: 'who called whom, how often allowed and denied',
  flags: {
    since: {
      kind: 'string',
      value: 'TIME',
      describe: '`15m`, `2h`, `7d` ago, or `2026-01-31T12:00:00Z`; whole minutes',
    },
    namespace: { kind: 'string', value: 'NAME', describe: 'at either end' },
    workload: { kind: 'string', value: 'NAME', describe: 'at either end, as `name` or `namespace/name`' },
    reporter: {
      kind: 'string',
      value: 'KIND',
      describe: 'whose reports count: inbound (the called side; the default), outbound or all',
    },
    ...collectorFlags,
  },
  example: 'garrison audit stats --since 1h',
  async run({ flags, output, env, cwd }) {
    const params = new URLSearchParams();
    for (const name of filters) {
      const value = flags[name];
      if (value !== undefined) params.set(name, value);
    }
    const address = collectorAddress({ flags, env, cwd });
    const { calls } = (await askCollector(address, '/audit/stats', params)) as { readonly calls: readonly Call[] };
    if (calls.length === 0) output.note('no calls');
    else if (output.json) for (const call of calls) output.result(call, '');
    else output.result(undefined, callTable(calls));
    return 0;
  },
});

/** Columns for what never happened are left out. */
export function callTable(calls: readonly Call[]): string {
  const counts: [string, (call: Call) => number][] = [
    ['ALLOWED', (call) => call.allowed],
    ['DENIED', (call) => call.denied],
  ];
  if (calls.some((call) => call.unknown > 0)) counts.push(['UNKNOWN', (call) => call.unknown]);
  if (calls.some((call) => call.failedOpen > 0)) counts.push(['FAILED OPEN', (call) => call.failedOpen]);
  const rows = [
    ['CALLER', 'CALLED', ...counts.map(([name]) => name), 'DENIED BY'],
    ...calls.map((call) => [
      printable(callerOf(call)),
      printable(calledOf(call)),
      ...counts.map(([, read]) => read(call).toString()),
      printable(call.denials.map(({ policy, count }) => `${policy} (${count})`).join(', ')),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const isCount = (column: number): boolean => column > 1 && column < 2 + counts.length;
  return rows
    .map((row) =>
      row
        .map((cell, i) => (isCount(i) ? cell.padStart(widths[i] ?? 0) : cell.padEnd(widths[i] ?? 0)))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
