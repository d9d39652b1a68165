import { TrustDomains } from '../compile/aliases.ts';
import { modesFor } from '../compile/mode.ts';
import type { Action, Rule } from '../documents/model.ts';
import { allOf, anyOf } from './quote.ts';
import {
  Inexpressible,
  attribute,
  blockList,
  claimList,
  elementList,
  exactList,
  headerList,
  hostList,
  methodList,
  namespaceList,
  pathList,
  portList,
  requestPrincipalList,
  textList,
} from './list-expression.ts';
import type { ListExpression } from './list-expression.ts';

/** One thing that Cedar cannot say: where it stands in the document, and why. */
export interface CedarLimit {
  readonly field: string;
  readonly reason: string;
}

export interface RuleSetting {
  readonly profile: 'strict' | 'istio';
  readonly action: Action;
  readonly namespace: string;
  readonly trustDomains: TrustDomains;
}

interface Field {
  readonly path: string;
  readonly http: boolean;
  readonly say: ListExpression;
  readonly values: readonly string[];
  readonly notPath: string;
  readonly notValues: readonly string[];
}

/** A rule as a Cedar expression for one transport; undefined where the rule does not hold on it. */
export function ruleExpression(
  rule: Rule,
  path: string,
  transport: 'http' | 'tcp',
  setting: RuleSetting,
  limits: CedarLimit[],
): string | undefined {
  const from = rule.from.map((_, i) => sourceFields(rule, i, `${path}.from[${i}].source`, setting));
  const to = rule.to.map((_, i) => operationFields(rule, i, `${path}.to[${i}].operation`));
  const when = rule.when.map((_, i) => conditionField(rule, i, `${path}.when[${i}]`, setting));
  const all = [...from.flat(), ...to.flat(), ...when];
  if (transport === 'tcp' && setting.action === 'ALLOW' && all.some((field) => field.http)) return undefined;
  const clause = (fields: readonly Field[]): string => clauseExpression(fields, transport, setting, limits);
  const parts = [from, to].filter((clauses) => clauses.length > 0).map((clauses) => anyOf(clauses.map(clause)));
  if (when.length > 0) parts.push(clause(when));
  return allOf(parts);
}

/** Whether a rule asks for anything that only HTTP has. */
export function asksHttp(rule: Rule): boolean {
  const setting: RuleSetting = {
    profile: 'istio',
    action: 'DENY',
    namespace: '',
    trustDomains: new TrustDomains('', []),
  };
  return [
    ...rule.from.flatMap((_, i) => sourceFields(rule, i, '', setting)),
    ...rule.to.flatMap((_, i) => operationFields(rule, i, '')),
    ...rule.when.map((_, i) => conditionField(rule, i, '', setting)),
  ].some((field) => field.http);
}

function clauseExpression(
  fields: readonly Field[],
  transport: 'http' | 'tcp',
  { profile, action }: RuleSetting,
  limits: CedarLimit[],
): string {
  const { positive, negative } = modesFor(profile, action);
  const terms: string[] = [];
  const say = (field: string, make: () => string): void => {
    try {
      terms.push(make());
    } catch (error) {
      if (!(error instanceof Inexpressible)) throw error;
      limits.push({ field, reason: error.message });
    }
  };
  for (const field of fields) {
    if (field.http && transport === 'tcp') continue;
    if (field.values.length > 0) say(field.path, () => field.say(field.values, positive));
    if (field.notValues.length > 0) say(field.notPath, () => `!(${field.say(field.notValues, negative)})`);
  }
  return terms.length === 0 ? 'true' : `(${allOf(terms)})`;
}

function sourceFields(rule: Rule, i: number, path: string, { namespace, trustDomains, profile }: RuleSetting): Field[] {
  const source = rule.from[i];
  if (source === undefined) return [];
  const mapped = profile === 'strict';
  const field = (name: keyof typeof source, not: keyof typeof source, http: boolean, say: ListExpression): Field => ({
    path: `${path}.${name}`,
    notPath: `${path}.${not}`,
    http,
    say,
    values: source[name],
    notValues: source[not],
  });
  return [
    field('principals', 'notPrincipals', false, principalList(trustDomains)),
    field('requestPrincipals', 'notRequestPrincipals', true, requestPrincipalList),
    field('namespaces', 'notNamespaces', false, namespaceList),
    field('serviceAccounts', 'notServiceAccounts', false, accountList(namespace)),
    field('trustDomains', 'notTrustDomains', false, trustDomainList(trustDomains)),
    field('ipBlocks', 'notIpBlocks', false, blockList('source.ip', mapped)),
    field('remoteIpBlocks', 'notRemoteIpBlocks', false, blockList('remote.ip', mapped)),
  ].filter(isUsed);
}

function operationFields(rule: Rule, i: number, path: string): Field[] {
  const operation = rule.to[i];
  if (operation === undefined) return [];
  const field = (
    name: keyof typeof operation,
    not: keyof typeof operation,
    http: boolean,
    say: ListExpression,
  ): Field => ({
    path: `${path}.${name}`,
    notPath: `${path}.${not}`,
    http,
    say,
    values: operation[name],
    notValues: operation[not],
  });
  return [
    field('hosts', 'notHosts', true, hostList),
    field('ports', 'notPorts', false, portList),
    field('methods', 'notMethods', true, methodList),
    field('paths', 'notPaths', true, pathList),
  ].filter(isUsed);
}

function conditionField(rule: Rule, i: number, path: string, setting: RuleSetting): Field {
  const { key = '', values = [], notValues = [] } = rule.when[i] ?? {};
  const { http, say } = conditionList(key, setting);
  return { path: `${path}.values`, notPath: `${path}.notValues`, http, say, values, notValues };
}

function isUsed(field: Field): boolean {
  return field.values.length > 0 || field.notValues.length > 0;
}

function principalList(trustDomains: TrustDomains): ListExpression {
  return (values, mode) => textList('source.principal')(trustDomains.expandPrincipals(values), mode);
}

function trustDomainList(trustDomains: TrustDomains): ListExpression {
  return (values, mode) => textList('source.trustDomain')(trustDomains.expandTrustDomains(values), mode);
}

function accountList(namespace: string): ListExpression {
  return exactList('source.serviceAccount', (value) => (value.includes('/') ? value : `${namespace}/${value}`));
}

function conditionList(key: string, setting: RuleSetting): { http: boolean; say: ListExpression } {
  const { namespace, trustDomains, profile } = setting;
  const mapped = profile === 'strict';
  switch (key) {
    case 'source.ip':
    case 'remote.ip':
    case 'destination.ip':
      return { http: false, say: blockList(key, mapped) };
    case 'source.namespace':
      return { http: false, say: namespaceList };
    case 'source.principal':
      return { http: false, say: principalList(trustDomains) };
    case 'source.serviceAccount':
      return { http: false, say: accountList(namespace) };
    case 'source.trustDomain':
      return { http: false, say: trustDomainList(trustDomains) };
    case 'destination.port':
      return { http: false, say: portList };
    case 'connection.sni':
      return { http: false, say: textList('connection.sni') };
    case 'request.auth.principal':
      return { http: true, say: requestPrincipalList };
    case 'request.auth.presenter':
      return { http: true, say: textList('request.auth.presenter') };
    case 'request.auth.audiences':
      return { http: true, say: elementList(attribute(key), `context has "${key}"`) };
    default:
      return keyedList(key);
  }
}

const pseudoHeaders: Readonly<Record<string, string>> = {
  ':authority': 'request.host',
  host: 'request.host',
  ':method': 'request.method',
  ':path': 'request.path_and_query',
};

function keyedList(key: string): { http: boolean; say: ListExpression } {
  const open = key.indexOf('[');
  const name = key.slice(0, open);
  const entry = key.slice(open + 1, -1);
  if (name === 'request.auth.claims') return { http: true, say: claimList(key.slice(open)) };
  if (name === 'request.headers') {
    const pseudo = pseudoHeaders[entry.toLowerCase()];
    return { http: true, say: pseudo === undefined ? headerList(entry) : textList(pseudo) };
  }
  const say = (): string => {
    throw new Inexpressible(`\`${key}\` is not part of the Cedar vocabulary`);
  };
  return { http: false, say };
}
