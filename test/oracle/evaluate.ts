import type { AuthorizationPolicy, PeerAuthentication, Rule } from '#policies/documents/model.ts';
import type { PolicySet } from '#policies/documents/policy-set.ts';
import type { RequestText } from '#test/fakes/request-bag.ts';
import { small } from './plain-match.ts';
import { cutPath, hasTwoMeanings, normalized } from './plain-path.ts';
import type { Level } from './plain-path.ts';
import { ruleMatches } from './plain-rule.ts';
import type { Question } from './plain-rule.ts';

/**
 * A second evaluator: no index, no sharing, no hurry. Written from the reference, clause by clause, to be read rather than
 * run; the engine must agree with it on every request.
 */
export interface Answer {
  effect: 'allow' | 'deny';
  status: number;
  policy: string;
  rule: number | undefined;
  audit: string[];
  shadow: { allow?: string; deny?: string } | undefined;
}

export type Providers = Readonly<Record<string, 'allow' | 'deny'>>;

export function evaluate(set: PolicySet, request: RequestText, providers: Providers = {}): Answer {
  const { mesh } = set;
  const strict = mesh.profile === 'strict';
  const http = request.protocol !== 'tcp';
  const answer = (effect: Answer['effect'], status: number, by?: Found, more: Partial<Answer> = {}): Answer => ({
    effect,
    status,
    policy: by?.policy ?? 'none',
    rule: by?.rule,
    audit: [],
    shadow: undefined,
    ...more,
  });

  // 1. Who may connect at all.
  if (strict && request.principal !== undefined && !isSpiffeId(request.principal)) return answer('deny', 403);
  if (request.principal === undefined && mtlsMode(set, request) === 'STRICT') return answer('deny', 403);

  // 2. and 3. What nobody can read, or not in one way only.
  if (strict && brokenText(request.sni ?? '')) return answer('deny', 400);
  let path: string | undefined;
  if (http) {
    const raw = request.path ?? '/';
    if (strict && isBroken(request)) return answer('deny', 400);
    const level: Level = mesh.pathNormalization ?? (strict ? 'DECODE_AND_MERGE_SLASHES' : 'BASE');
    const method = request.method ?? 'GET';
    if (cutPath(raw) === '*' && method === 'OPTIONS') {
      path = '*';
    } else if (method === 'CONNECT' && !raw.startsWith('/')) {
      path = undefined;
    } else {
      const result = normalized(level, cutPath(raw));
      if (result === 'refused' || (strict && hasTwoMeanings(cutPath(raw)))) return answer('deny', 400);
      path = result;
    }
  }

  const inForce = set.authorization.filter((policy) => isInForce(policy, set, request));
  const question = (policy: AuthorizationPolicy): Question => ({ mesh, policy, request, path, http });
  const matching = (action: AuthorizationPolicy['action'], dryRun: boolean, provider?: string): Found[] =>
    inOrder(
      inForce
        .filter(
          (policy) =>
            policy.action === action &&
            policy.dryRun === dryRun &&
            (provider === undefined || policy.provider === provider),
        )
        .flatMap((policy) =>
          policy.rules.flatMap((rule: Rule, index) =>
            ruleMatches(rule, question(policy))
              ? [{ policy: `${policy.metadata.namespace}/${policy.metadata.name}`, rule: index }]
              : [],
          ),
        ),
      strict,
    );

  // 4. CUSTOM: every provider asked must allow, in the order of their names.
  const asked = [
    ...new Set(inForce.flatMap((policy) => (policy.action === 'CUSTOM' ? [policy.provider ?? ''] : []))),
  ].sort();
  for (const provider of asked) {
    const [first] = matching('CUSTOM', false, provider);
    if (first === undefined) continue;
    if ((asked.length > 1 && !strict) || providers[provider] !== 'allow') return answer('deny', 403, first);
  }

  // 6. AUDIT, DENY, ALLOW; dry-run policies only tell.
  const audit = [...new Set(matching('AUDIT', false).map(({ policy }) => policy))];
  const shadowDeny = matching('DENY', true)[0]?.policy;
  const [denied] = matching('DENY', false);
  const tells = (allow: string | undefined): Answer['shadow'] =>
    shadowDeny === undefined && allow === undefined
      ? undefined
      : { ...(shadowDeny === undefined ? {} : { deny: shadowDeny }), ...(allow === undefined ? {} : { allow }) };
  if (denied !== undefined) return answer('deny', 403, denied, { audit, shadow: tells(undefined) });
  const onTrial = inForce.some((policy) => policy.action === 'ALLOW' && policy.dryRun);
  const shadow = tells(onTrial ? (matching('ALLOW', true)[0]?.policy ?? 'none') : undefined);
  if (!inForce.some((policy) => policy.action === 'ALLOW' && !policy.dryRun))
    return answer('allow', 200, undefined, { audit, shadow });
  const [allowed] = matching('ALLOW', false);
  return allowed === undefined
    ? answer('deny', 403, undefined, { audit, shadow })
    : answer('allow', 200, allowed, { audit, shadow });
}

interface Found {
  policy: string;
  rule: number;
}

/** By name as upstream spells it; rule numbers as text in `istio`. */
function inOrder(found: Found[], strict: boolean): Found[] {
  const name = ({ policy }: Found): string => {
    const [namespace = '', rest = ''] = policy.split('/');
    return `ns[${namespace}]-policy[${rest}]-rule[`;
  };
  const compare = (a: string | number, b: string | number): number => (a < b ? -1 : a > b ? 1 : 0);
  return found.sort(
    (a, b) => compare(name(a), name(b)) || (strict ? a.rule - b.rule : compare(`${a.rule}]`, `${b.rule}]`)),
  );
}

function isInForce(policy: AuthorizationPolicy, set: PolicySet, request: RequestText): boolean {
  const namespace = request.namespace ?? 'shop';
  const labels = request.labels ?? { app: 'cart' };
  const own = policy.metadata.namespace === namespace;
  if (!own && policy.metadata.namespace !== set.mesh.rootNamespace) return false;
  if (policy.targetRefs.length > 0) {
    const name = labels['gateway.networking.k8s.io/gateway-name'] ?? request.workload ?? '';
    return (
      request.gateway === true && own && policy.targetRefs.some((ref) => ref.kind === 'Gateway' && ref.name === name)
    );
  }
  return [...policy.selector].every(([key, value]) => labels[key] === value);
}

function mtlsMode(set: PolicySet, request: RequestText): string {
  const namespace = request.namespace ?? 'shop';
  const labels = request.labels ?? { app: 'cart' };
  const root = set.mesh.rootNamespace;
  const age = (a: PeerAuthentication, b: PeerAuthentication): number => {
    const [left, right] = [a.metadata.created ?? Infinity, b.metadata.created ?? Infinity];
    return left < right ? -1 : left > right ? 1 : a.metadata.name < b.metadata.name ? -1 : 1;
  };
  const oldest = (test: (document: PeerAuthentication) => boolean): PeerAuthentication | undefined =>
    set.peerAuthentication.filter(test).sort(age)[0];
  const whole = oldest(({ metadata, selector }) => metadata.namespace === root && selector.size === 0);
  const near = oldest(
    ({ metadata, selector }) => metadata.namespace === namespace && namespace !== root && selector.size === 0,
  );
  const own = oldest(
    ({ metadata, selector }) =>
      metadata.namespace === namespace &&
      namespace !== root &&
      selector.size > 0 &&
      [...selector].every(([key, value]) => labels[key] === value),
  );
  return [whole?.mode, near?.mode, own?.mode, own?.portModes.get(request.port ?? 8080)].reduce<string>(
    (mode, next) => (next === undefined || next === 'UNSET' ? mode : next),
    'PERMISSIVE',
  );
}

function isSpiffeId(principal: string): boolean {
  return /^[a-z0-9._-]{1,255}(\/(?!\.{1,2}(\/|$))[A-Za-z0-9._-]+)+$/.test(principal);
}

function brokenText(text: string): boolean {
  return /[\0-\x20\x7f]/.test(text);
}

function isBroken(request: RequestText): boolean {
  const token = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
  const hosts = (request.headers ?? []).filter(([name]) => small(name) === 'host').map(([, value]) => small(value));
  return (
    (request.headers ?? []).some(([name, value]) => !token.test(name) || /[\0\r\n]/.test(value)) ||
    // RFC 9112 §3.2: more than one Host line is refused.
    hosts.length > 1 ||
    hosts.some((host) => host !== small(request.host ?? 'cart.shop.svc')) ||
    !token.test(request.method ?? 'GET') ||
    brokenText(request.host ?? '') ||
    request.path === '' ||
    brokenText(request.path ?? '/')
  );
}
