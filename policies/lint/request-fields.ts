import { matchesPattern, readPattern } from '../compile/pattern.ts';
import type { Pattern } from '../compile/pattern.ts';
import { isTemplate } from '../compile/path-template.ts';
import { withoutPort } from '../decide/host.ts';
import type { Profile } from '../documents/mesh.ts';
import type { Action, AuthorizationPolicy } from '../documents/model.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import type { RuleField } from '../explain/rule-fields.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { patternCovers } from './covers.ts';
import { eachRule, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';
import { withMissed } from './missed.ts';
import { profilesOf } from './profiles-of.ts';

/** The lists that keep requests out: what they miss gets in. */
export function guardingList({ values, notValues }: RuleField, action: Action): readonly string[] {
  return action === 'ALLOW' ? notValues : values;
}

export function guardingPath({ path, notPath }: RuleField, action: Action): string {
  return action === 'ALLOW' ? notPath : path;
}

interface Guard {
  readonly policy: AuthorizationPolicy;
  readonly list: readonly string[];
  readonly at: (words: Words) => Observation;
}

/** Every guarding list of one attribute, with the place to report. */
function* guards(set: PolicySet, key: string): Generator<Guard> {
  for (const { policy, rule, index } of eachRule(set)) {
    for (const field of ruleFieldsOf(rule).filter((each) => each.key === key)) {
      const list = guardingList(field, policy.action);
      if (list.length > 0) {
        yield { policy, list, at: (words) => observeRule(policy, index, guardingPath(field, policy.action), words) };
      }
    }
  }
}

type Words = Pick<Observation, 'reason' | 'fix' | 'severity'>;

/**
 * Upstream compares a host with its port (authorization.md §6, 2021-008). The strict profile's guarding lists read it
 * without its port too; a list that lets in never does, in either profile.
 */
export const hostWithoutPort: LintRule = {
  id: 'GL004',
  name: 'host-without-port',
  severity: 'warning',
  summary: 'A host is compared with its port: `h` does not match `h:443`.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      const profile = profilesOf(policy, set).has('istio') ? 'istio' : 'strict';
      for (const field of ruleFieldsOf(rule).filter(({ key }) => key === 'host')) {
        const guarding = guardingList(field, policy.action);
        const [list, path] =
          guarding.length > 0 ? [guarding, guardingPath(field, policy.action)] : [field.values, field.path];
        const bare =
          policy.action === 'ALLOW' || guarding.length > 0 ? list.find((value) => missesPort(value, list)) : undefined;
        if (bare === undefined) continue;
        yield observeRule(policy, index, path, hostWords(bare, guarding.length > 0, profile));
      }
    }
  },
};

function missesPort(value: string, list: readonly string[]): boolean {
  if (value.endsWith('*') || withoutPort(value) !== value) return false;
  const withAny = readPattern(`${value.toLowerCase()}:*`);
  return !list.some(
    (other) => patternCovers(readPattern(other.toLowerCase()), withAny) || other.startsWith(`${value}:`),
  );
}

function hostWords(bare: string, guarding: boolean, profile: Profile): Words {
  // A value that begins with `*` cannot end with it, too.
  const fix = bare.startsWith('*') ? `add \`${bare}:443\`, and so for every port` : `add \`${bare}:*\``;
  const missed = `\`${bare}\` does not match \`${bare.replace(/^\*/, 'x')}:443\``;
  if (!guarding) return { reason: `${missed}: clients that send the port are refused`, fix };
  return profile === 'istio'
    ? { reason: missed, fix: `${fix}, or use the strict profile` }
    : { reason: `${missed} in Istio; only the strict profile reads the host without its port`, fix, severity: 'note' };
}

export const prefixWithoutTwin: LintRule = {
  id: 'GL005',
  name: 'prefix-without-twin',
  severity: 'warning',
  summary: '`/admin/*` does not match `/admin`, which many servers answer all the same.',
  *check(set): Generator<Observation> {
    for (const { list, at } of guards(set, 'path')) {
      for (const value of list) {
        const bare = /^(\/.*[^/])\/(?:\*|\{\*\*\})$/.exec(value)?.[1];
        if (bare === undefined || isTemplate(bare)) continue;
        const twin = { kind: 'exact', text: bare } as const;
        if (list.some((other) => !isTemplate(other) && patternCovers(readPattern(other), twin))) continue;
        yield at({ reason: `\`${value}\` does not match \`${bare}\``, fix: `add \`${bare}\`` });
      }
    }
  },
};

/** RFC 9110 §9.1 and RFC 5789; WebDAV and others exist, so an unknown one is a warning and no error. */
const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', 'PATCH']);
const webDav = new Set([
  'PROPFIND',
  'PROPPATCH',
  'MKCOL',
  'COPY',
  'MOVE',
  'LOCK',
  'UNLOCK',
  'SEARCH',
  'REPORT',
  'QUERY',
]);

function isKnownMethod(pattern: Pattern): boolean {
  return [...knownMethods, ...webDav].some((method) => matchesPattern(pattern, method));
}

export const unknownMethod: LintRule = {
  id: 'GL009',
  name: 'unknown-method',
  severity: 'warning',
  summary: 'Methods are compared with their case, and there are not many of them.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const field of ruleFieldsOf(rule).filter(({ key }) => key === 'method')) {
        for (const [path, value] of [
          ...field.values.map((each) => [field.path, each] as const),
          ...field.notValues.map((each) => [field.notPath, each] as const),
        ]) {
          if (isKnownMethod(readPattern(value))) continue;
          const upper = value.toUpperCase();
          const known = isKnownMethod(readPattern(upper));
          const reason = known
            ? `methods have a case, and no client sends \`${value}\``
            : `\`${value}\` is no method of HTTP`;
          yield observeRule(policy, index, path, {
            reason: withMissed(reason, policy.action, path === field.notPath),
            fix: known ? `write \`${upper}\`` : 'correct it; gRPC is always `POST`, with the method in the path',
          });
        }
      }
    }
  },
};

/** CVE-2025-46821 and what is left of it: outside the path characters a template does not match. */
export const templateInIstio: LintRule = {
  id: 'GL015',
  name: 'template-in-istio-profile',
  severity: 'warning',
  summary: 'In profile istio a path template does not match odd characters, so a DENY by template can be slipped past.',
  *check(set): Generator<Observation> {
    for (const { policy, list, at } of guards(set, 'path')) {
      const template = list.find(isTemplate);
      if (template === undefined || !profilesOf(policy, set).has('istio')) continue;
      yield at({
        reason: `\`${template}\` does not match paths with characters such as \`|\` or \`[\``,
        fix: 'use a prefix (`/admin/*`), or the strict profile',
      });
    }
  },
};
