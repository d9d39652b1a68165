import type { DatabaseSync } from 'node:sqlite';
import type { Effect } from '#services/telemetry/report/action.ts';
import type { CallStats, StatsQuery } from './audit-store.ts';
import { summarizeCalls } from './call-stats.ts';
import type { CallCount } from './call-stats.ts';
import { minuteOf } from './conditions.ts';
import { namespaceCondition, workloadCondition } from './sqlite-conditions.ts';
import type { SqlCondition } from './sqlite-conditions.ts';

const columns = `principal, source_namespace, source_workload, destination_namespace, destination_workload, effect, policy,
  fail_open`;

export function readCalls(database: DatabaseSync, query: StatsQuery): CallStats[] {
  const conditions: SqlCondition[] = [{ sql: 'minute >= ?', values: [minuteOf(query.sinceMs ?? 0)] }];
  if (query.reporter !== 'all') conditions.push({ sql: 'reporter = ?', values: [query.reporter] });
  if (query.namespace !== undefined) conditions.push(namespaceCondition(query.namespace));
  if (query.workload !== undefined) conditions.push(workloadCondition(query.workload));
  const rows = database
    .prepare(
      `SELECT ${columns}, sum(count) AS count FROM calls
       WHERE ${conditions.map(({ sql }) => sql).join(' AND ')} GROUP BY ${columns}`,
    )
    .all(...conditions.flatMap(({ values }) => values));
  return summarizeCalls(rows.map(countOf));
}

function countOf(row: Record<string, unknown>): CallCount {
  return {
    principal: row['principal'] as string,
    sourceNamespace: row['source_namespace'] as string,
    sourceWorkload: row['source_workload'] as string,
    destinationNamespace: row['destination_namespace'] as string,
    destinationWorkload: row['destination_workload'] as string,
    effect: row['effect'] as Effect,
    policy: row['policy'] as string,
    failOpen: row['fail_open'] === 1,
    count: Number(row['count']),
  };
}
