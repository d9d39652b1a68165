import type { Mesh } from '#policies/documents/mesh.ts';
import type { AuthorizationPolicy, Operation, Rule, Source } from '#policies/documents/model.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import {
  inBlock,
  matchesNamespace,
  matchesPath,
  matchesRequestPrincipal,
  matchesText,
  plainAddress,
  small,
} from './plain-match.ts';
import type { PlainAddress } from './plain-match.ts';
import {
  headerReadings,
  hostReadings,
  identityOf,
  methodReadings,
  remoteAddress,
  withoutPatternPort,
  directAddress,
} from './plain-readings.ts';
import type { Mode } from './plain-readings.ts';

export interface Question {
  mesh: Mesh;
  policy: AuthorizationPolicy;
  request: RequestText;
  path: string | undefined;
  http: boolean;
}

/** One field of a rule: its two lists and how one list compares. */
interface Field {
  http: boolean;
  values: readonly string[];
  notValues: readonly string[];
  matches: (list: readonly string[], mode: Mode) => boolean;
}

export function ruleMatches(rule: Rule, question: Question): boolean {
  const from = rule.from.map((source) => sourceFields(source, question));
  const to = rule.to.map((operation) => operationFields(operation, question));
  const when = rule.when.map(({ key, values, notValues }) => ({ ...keyed(key, question), values, notValues }));
  const used = ({ values, notValues }: Field): boolean => values.length > 0 || notValues.length > 0;
  const allow = question.policy.action === 'ALLOW';
  const all = [...from.flat(), ...to.flat(), ...when].filter(used);
  if (!question.http && allow && all.some(({ http }) => http)) return false;
  const strict = question.mesh.profile === 'strict';
  const positive: Mode = !strict ? 'plain' : allow ? 'narrow' : 'wide';
  const negative: Mode = !strict ? 'plain' : allow ? 'wide' : 'narrow';
  const holds = (fields: Field[]): boolean =>
    fields.every(
      ({ http, values, notValues, matches }) =>
        (http && !question.http) ||
        ((values.length === 0 || matches(values, positive)) && !(notValues.length > 0 && matches(notValues, negative))),
    );
  return (from.length === 0 || from.some(holds)) && (to.length === 0 || to.some(holds)) && holds(when);
}

function sourceFields(source: Source, question: Question): Field[] {
  const field = (key: string, values: readonly string[], notValues: readonly string[]): Field => ({
    ...keyed(key, question),
    values,
    notValues,
  });
  return [
    field('source.principal', source.principals, source.notPrincipals),
    field('request.auth.principal', source.requestPrincipals, source.notRequestPrincipals),
    field('source.namespace', source.namespaces, source.notNamespaces),
    field('source.serviceAccount', source.serviceAccounts, source.notServiceAccounts),
    field('source.trustDomain', source.trustDomains, source.notTrustDomains),
    field('source.ip', source.ipBlocks, source.notIpBlocks),
    field('remote.ip', source.remoteIpBlocks, source.notRemoteIpBlocks),
  ];
}

function operationFields(operation: Operation, question: Question): Field[] {
  const { request, path } = question;
  const host = request.host ?? 'cart.shop.svc';
  const hosts = (list: readonly string[], mode: Mode): boolean =>
    list.some((value) => {
      if (hostReadings(host, mode).some((reading) => matchesText(small(value), reading))) return true;
      const bare = mode === 'wide' && !/:\d*$/.test(host) ? withoutPatternPort(value) : undefined;
      return bare !== undefined && hostReadings(host, mode).some((reading) => matchesText(bare, reading));
    });
  const methods = (list: readonly string[], mode: Mode): boolean =>
    methodReadings(request.method ?? 'GET', mode).some((reading) => list.some((value) => matchesText(value, reading)));
  const paths = (list: readonly string[], mode: Mode): boolean =>
    path !== undefined && list.some((value) => matchesPath(value, path, mode === 'wide'));
  return [
    { http: true, values: operation.hosts, notValues: operation.notHosts, matches: hosts },
    { http: true, values: operation.methods, notValues: operation.notMethods, matches: methods },
    { http: true, values: operation.paths, notValues: operation.notPaths, matches: paths },
    { ...keyed('destination.port', question), values: operation.ports, notValues: operation.notPorts },
  ];
}

type Keyed = Pick<Field, 'http' | 'matches'>;

function keyed(key: string, question: Question): Keyed {
  const { mesh, request, policy } = question;
  const strict = mesh.profile === 'strict';
  const identity = request.principal === undefined ? undefined : identityOf(request.principal);
  const text = (http: boolean, actual: string | undefined): Keyed => ({
    http,
    matches: (list) => actual !== undefined && list.some((value) => matchesText(value, actual)),
  });
  const anyOf = (http: boolean, actual: readonly string[]): Keyed => ({
    http,
    matches: (list) => actual.some((element) => list.some((value) => matchesText(value, element))),
  });
  const address = (actual: PlainAddress | 'underivable' | undefined): Keyed => ({
    http: false,
    matches: (list, mode) =>
      actual === 'underivable'
        ? mode === 'wide'
        : actual !== undefined && list.some((block) => inBlock(block, actual, strict)),
  });
  const claims = request.claims ?? {};
  const claim = (name: string): string => (typeof claims[name] === 'string' ? claims[name] : '');
  switch (key) {
    case 'source.principal':
      return {
        http: false,
        matches: (list) =>
          request.principal !== undefined &&
          list.flatMap((v) => expand(v, mesh)).some((v) => matchesText(v, request.principal!)),
      };
    case 'source.namespace':
      return {
        http: false,
        matches: (list) =>
          identity?.namespace !== undefined && list.some((value) => matchesNamespace(value, identity.namespace!)),
      };
    case 'source.serviceAccount':
      return {
        http: false,
        matches: (list) =>
          identity?.account !== undefined &&
          list
            .map((value) => (value.includes('/') ? value : `${policy.metadata.namespace}/${value}`))
            .includes(identity.account),
      };
    case 'source.trustDomain': {
      const known = [mesh.trustDomain, ...mesh.trustDomainAliases];
      const expanded = (value: string): string[] =>
        known.includes(value) || value === 'cluster.local' ? known : [value];
      return {
        http: false,
        matches: (list) =>
          identity !== undefined && list.flatMap(expanded).some((value) => matchesText(value, identity.trustDomain)),
      };
    }
    case 'request.auth.principal':
      return {
        http: true,
        matches: (list) => list.some((value) => matchesRequestPrincipal(value, claim('iss'), claim('sub'))),
      };
    case 'request.auth.audiences':
      return anyOf(
        true,
        [claims['aud']].flat().filter((value) => typeof value === 'string'),
      );
    case 'request.auth.presenter':
      return text(true, claim('azp') === '' ? undefined : claim('azp'));
    case 'source.ip':
      return address(directAddress(request, strict));
    case 'remote.ip':
      return address(remoteAddress(request, mesh.trustedHops, strict));
    case 'destination.ip':
      return address(request.destinationIp === undefined ? undefined : plainAddress(request.destinationIp, strict));
    case 'destination.port':
      return { http: false, matches: (list) => list.map(Number).includes(request.port ?? 8080) };
    case 'connection.sni':
      return text(false, request.sni);
    default:
      return bracketed(key, question, anyOf);
  }
}

function bracketed(
  key: string,
  { request, path }: Question,
  anyOf: (http: boolean, actual: readonly string[]) => Keyed,
): Keyed {
  const [, map = '', inner = ''] = /^([^[]+)\[(.*)\]$/.exec(key) ?? [];
  if (map === 'request.headers') {
    const name = small(inner);
    const raw = request.path ?? '/';
    const query = raw.split('#')[0]!.slice(raw.split('#')[0]!.split('?')[0]!.length);
    const special: Record<string, string[]> = {
      ':path': path === undefined ? [] : [path + query],
      ':method': [request.method ?? 'GET'],
      ':authority': [request.host ?? 'cart.shop.svc'],
      host: [request.host ?? 'cart.shop.svc'],
    };
    return {
      http: true,
      matches: (list, mode) => {
        const readings = special[name] ?? headerReadings(request, name, mode);
        const hit = (reading: string): boolean => list.some((value) => matchesText(value, reading, true));
        return readings.length > 0 && (mode === 'narrow' ? readings.every(hit) : readings.some(hit));
      },
    };
  }
  if (map === 'request.auth.claims') {
    const steps = inner.split('][');
    const found = steps.reduce<unknown>(
      (value, step) =>
        typeof value === 'object' && value !== null && !Array.isArray(value) && Object.hasOwn(value, step)
          ? (value as Record<string, unknown>)[step]
          : undefined,
      request.claims ?? {},
    );
    const spaced = steps.length === 1 && ['scope', 'permission'].includes(steps[0]!) && typeof found === 'string';
    const list = spaced ? found.split(' ').filter((part) => part !== '') : [found].flat();
    return anyOf(
      true,
      list.filter((value) => typeof value === 'string'),
    );
  }
  const filter = map.replace(/^experimental\./, '');
  const entry = request.metadata?.find((one) => one.filter === filter && one.key === inner)?.value;
  return {
    http: false,
    matches: (list) =>
      entry !== undefined &&
      list.some((value) => {
        const element = /^\[(.+)\]$/s.exec(value)?.[1];
        if (element === undefined) return typeof entry === 'string' && matchesText(value, entry);
        return typeof entry !== 'string' && entry.some((one) => matchesText(element, one));
      }),
  };
}

/** Trust-domain aliases. */
function expand(value: string, mesh: Mesh): string[] {
  const [first = '', ...rest] = value.split('/');
  if (rest.length !== 4) return [value];
  const known = [...new Set([mesh.trustDomain, ...mesh.trustDomainAliases])];
  const overlaps = (name: string): boolean => name === first || (first.includes('*') && matchesText(first, name));
  if (first !== 'cluster.local' && !known.some(overlaps)) return [value];
  return known.map((name) => (first.startsWith('*') && matchesText(first, name) ? value : [name, ...rest].join('/')));
}
