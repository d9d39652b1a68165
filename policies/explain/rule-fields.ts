import type { Condition, Operation, Rule, Source } from '../documents/model.ts';

/** One field of a rule as it is written, and the attribute it asks about, under the name that `when` has for it. */
export interface RuleField {
  /** `from[0].source.principals` */
  readonly path: string;
  /** The same for the negative list: `from[0].source.notPrincipals`. */
  readonly notPath: string;
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** One source, one operation, or all conditions: its fields must all hold. */
export interface RuleClause {
  readonly path: string;
  readonly fields: readonly RuleField[];
}

/** A part of a rule holds when one of its clauses does. A part that is absent has no clauses and asks nothing. */
export interface RulePart {
  readonly part: 'from' | 'to' | 'when';
  readonly clauses: readonly RuleClause[];
}

const sourceKeys = {
  principals: 'source.principal',
  requestPrincipals: 'request.auth.principal',
  namespaces: 'source.namespace',
  serviceAccounts: 'source.serviceAccount',
  trustDomains: 'source.trustDomain',
  ipBlocks: 'source.ip',
  remoteIpBlocks: 'remote.ip',
} as const;

/** `when` knows no host, method or path: their names here are those of the operation. */
const operationKeys = { hosts: 'host', ports: 'destination.port', methods: 'method', paths: 'path' } as const;

export function rulePartsOf(rule: Rule): readonly RulePart[] {
  const when = rule.when.map(conditionField);
  return [
    { part: 'from', clauses: rule.from.map((source, i) => sourceClause(source, `from[${i}].source`)) },
    { part: 'to', clauses: rule.to.map((operation, i) => operationClause(operation, `to[${i}].operation`)) },
    { part: 'when', clauses: when.length === 0 ? [] : [{ path: 'when', fields: when }] },
  ];
}

/** Every field of a rule, wherever it stands. */
export function ruleFieldsOf(rule: Rule): readonly RuleField[] {
  return rulePartsOf(rule).flatMap(({ clauses }) => clauses.flatMap(({ fields }) => fields));
}

export function isHttpField({ key }: RuleField): boolean {
  return key.startsWith('request.') || key === 'host' || key === 'method' || key === 'path';
}

function sourceClause(source: Source, path: string): RuleClause {
  const names = Object.keys(sourceKeys) as (keyof typeof sourceKeys)[];
  return {
    path,
    fields: names.flatMap((name) => fieldOf(path, name, sourceKeys[name], source[name], source[notName(name)])),
  };
}

function operationClause(operation: Operation, path: string): RuleClause {
  const names = Object.keys(operationKeys) as (keyof typeof operationKeys)[];
  return {
    path,
    fields: names.flatMap((name) =>
      fieldOf(path, name, operationKeys[name], operation[name], operation[notName(name)]),
    ),
  };
}

function conditionField({ key, values, notValues }: Condition, index: number): RuleField {
  return { path: `when[${index}].values`, notPath: `when[${index}].notValues`, key, values, notValues };
}

function fieldOf(
  path: string,
  name: string,
  key: string,
  values: readonly string[],
  notValues: readonly string[],
): RuleField[] {
  if (values.length === 0 && notValues.length === 0) return [];
  return [{ path: `${path}.${name}`, notPath: `${path}.${notName(name)}`, key, values, notValues }];
}

function notName<N extends string>(name: N): `not${Capitalize<N>}` {
  return `not${name.charAt(0).toUpperCase()}${name.slice(1)}` as `not${Capitalize<N>}`;
}
