import type { SQLInputValue } from 'node:sqlite';
import type { AuditQuery } from './audit-store.ts';
import { jsonConditionOf, principalAsKept, splitWorkload } from './conditions.ts';

/** A piece of a WHERE clause and what its question marks stand for. */
export interface SqlCondition {
  readonly sql: string;
  readonly values: readonly SQLInputValue[];
}

export function namespaceCondition(namespace: string): SqlCondition {
  return { sql: '(source_namespace = ? OR destination_namespace = ?)', values: [namespace, namespace] };
}

export function workloadCondition(written: string): SqlCondition {
  const source = sideCondition('source', written);
  const destination = sideCondition('destination', written);
  return { sql: `(${source.sql} OR ${destination.sql})`, values: [...source.values, ...destination.values] };
}

function sideCondition(side: 'source' | 'destination', written: string): SqlCondition {
  const { namespace, name } = splitWorkload(written);
  return namespace === undefined
    ? { sql: `(${side}_workload = ?)`, values: [name] }
    : { sql: `(${side}_workload = ? AND ${side}_namespace = ?)`, values: [name, namespace] };
}

/** Every condition of a query but time and paging. */
export function recordConditions(query: AuditQuery): SqlCondition[] {
  const conditions: SqlCondition[] = [];
  const equals = (column: string, value: string | number | undefined): void => {
    if (value !== undefined) conditions.push({ sql: `${column} = ?`, values: [value] });
  };
  equals('decision', query.decision);
  equals('principal', query.principal === undefined ? undefined : principalAsKept(query.principal));
  // Said as the partial index says it, so that the planner sees that it applies.
  if (query.effect !== undefined && query.effect !== 'allow') conditions.push({ sql: `effect <> 'allow'`, values: [] });
  equals('effect', query.effect);
  equals('policy', query.policy);
  equals('revision', query.revision);
  if (query.namespace !== undefined) conditions.push(namespaceCondition(query.namespace));
  if (query.workload !== undefined) conditions.push(workloadCondition(query.workload));
  if (query.source !== undefined) conditions.push(sideCondition('source', query.source));
  if (query.destination !== undefined) conditions.push(sideCondition('destination', query.destination));
  for (const condition of query.attributes ?? []) {
    const { path, texts } = jsonConditionOf(condition);
    const quoted = path.map((part) => `."${part}"`).join('');
    conditions.push({ sql: '(body -> ?) IN (?, ?)', values: [`$${quoted}`, ...texts] });
  }
  return conditions;
}
