import type { Action, Condition, Operation, Rule, Source } from '../documents/model.ts';
import { conditionKind } from './condition.ts';
import type { FieldKind, FieldKinds } from './condition.ts';
import type { Clause, RuleParts } from './compiled-rule.ts';
import type { FieldTest } from './field-test.ts';
import { lenses } from './lens.ts';
import { hosts, paths, texts } from './list-tests.ts';
import { modesFor } from './mode.ts';
import type { Mode } from './mode.ts';

export type Transport = 'http' | 'tcp';

export interface RuleContext {
  readonly profile: 'strict' | 'istio';
  readonly action: Action;
  readonly transport: Transport;
  readonly kinds: FieldKinds;
  /** Gives back an equal test that was made before, so that equal lists cost memory once. */
  readonly share: (list: string, value: string, make: () => FieldTest) => FieldTest;
}

interface Field {
  readonly name: string;
  readonly kind: FieldKind;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

export const hostKind: FieldKind = { http: true, make: hosts };
export const methodKind: FieldKind = { http: true, make: texts(lenses.method) };
export const pathKind: FieldKind = { http: true, make: paths };
const noTests: readonly FieldTest[] = [];
const always: Clause = { must: noTests, mustNot: noTests };
const noAlternatives: readonly (readonly Clause[])[] = [];

/**
 * A rule for one transport; undefined where it cannot hold there. On TCP a field of HTTP drops an ALLOW rule whole and
 * is left out of any other rule, which makes that rule wider: both fail closed.
 */
export function compileRule(rule: Rule, context: RuleContext): RuleParts | undefined {
  const sources = rule.from.map((source) => sourceFields(source, context.kinds));
  const operations = rule.to.map((operation) => operationFields(operation, context.kinds));
  const conditions = rule.when.map((condition) => conditionField(condition, context.kinds));
  if (context.transport === 'tcp' && context.action === 'ALLOW') {
    const all = [...sources.flat(), ...operations.flat(), ...conditions];
    if (all.some((field) => field.kind.http)) return undefined;
  }
  const clauses: Clause[] = conditions.length === 0 ? [] : [clauseOf(conditions, context)];
  const anyOf: (readonly Clause[])[] = [];
  for (const alternatives of [sources, operations]) {
    const compiled = alternatives.map((fields) => clauseOf(fields, context));
    const [only] = compiled;
    if (only !== undefined && compiled.length === 1) clauses.push(only);
    // An alternative that asks nothing (any more) makes the others idle.
    else if (only !== undefined && !compiled.includes(always)) anyOf.push(compiled);
  }
  return {
    must: joined(clauses.map(({ must }) => must)),
    mustNot: joined(clauses.map(({ mustNot }) => mustNot)),
    anyOf: anyOf.length === 0 ? noAlternatives : anyOf,
  };
}

function joined(lists: readonly (readonly FieldTest[])[]): readonly FieldTest[] {
  const [only = noTests, ...others] = lists.filter((list) => list.length > 0);
  return others.length === 0 ? only : [only, ...others].flat();
}

function clauseOf(fields: readonly Field[], context: RuleContext): Clause {
  const { positive, negative } = modesFor(context.profile, context.action);
  const must: FieldTest[] = [];
  const mustNot: FieldTest[] = [];
  for (const { name, kind, values, notValues } of fields) {
    if (kind.http && context.transport === 'tcp') continue;
    const test = (list: readonly string[], mode: Mode): FieldTest => {
      const [only] = list;
      if (only === undefined || list.length > 1) return kind.make(list, mode);
      return context.share(`${name} ${mode}`, only, () => kind.make(list, mode));
    };
    if (values.length > 0) must.push(test(values, positive));
    if (notValues.length > 0) mustNot.push(test(notValues, negative));
  }
  if (must.length === 0 && mustNot.length === 0) return always;
  return { must: must.length === 0 ? noTests : must, mustNot: mustNot.length === 0 ? noTests : mustNot };
}

function present(fields: readonly Field[]): Field[] {
  return fields.filter(({ values, notValues }) => values.length > 0 || notValues.length > 0);
}

function sourceFields(source: Source, kinds: FieldKinds): Field[] {
  const field = (name: string, kind: FieldKind, values: readonly string[], notValues: readonly string[]): Field => ({
    name,
    kind,
    values,
    notValues,
  });
  return present([
    field('source.principal', kinds.principals, source.principals, source.notPrincipals),
    field('request.auth.principal', kinds.requestPrincipals, source.requestPrincipals, source.notRequestPrincipals),
    field('source.namespace', kinds.namespaces, source.namespaces, source.notNamespaces),
    field('source.serviceAccount', kinds.serviceAccounts, source.serviceAccounts, source.notServiceAccounts),
    field('source.trustDomain', kinds.trustDomains, source.trustDomains, source.notTrustDomains),
    field('source.ip', kinds.sourceIp, source.ipBlocks, source.notIpBlocks),
    field('remote.ip', kinds.remoteIp, source.remoteIpBlocks, source.notRemoteIpBlocks),
  ]);
}

function operationFields(operation: Operation, kinds: FieldKinds): Field[] {
  return present([
    { name: 'hosts', kind: hostKind, values: operation.hosts, notValues: operation.notHosts },
    { name: 'destination.port', kind: kinds.ports, values: operation.ports, notValues: operation.notPorts },
    { name: 'methods', kind: methodKind, values: operation.methods, notValues: operation.notMethods },
    { name: 'paths', kind: pathKind, values: operation.paths, notValues: operation.notPaths },
  ]);
}

function conditionField({ key, values, notValues }: Condition, kinds: FieldKinds): Field {
  return { name: key, kind: conditionKind(key, kinds), values, notValues };
}
