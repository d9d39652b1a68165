import { peerModesFor } from '../compile/peer-modes.ts';
import type { EffectiveMode } from '../compile/peer-modes.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import type { RuleField } from '../explain/rule-fields.ts';
import { eachRule, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';
import { withMissed } from './missed.ts';
import { guardingList, guardingPath } from './request-fields.ts';

const identityKeys = new Set(['source.principal', 'source.namespace', 'source.serviceAccount', 'source.trustDomain']);

/** What PeerAuthentication says of the workloads that a policy is about, as far as its selector names them. */
function modeFor(policy: AuthorizationPolicy, set: PolicySet): EffectiveMode {
  const workload = {
    namespace: policy.metadata.namespace,
    name: '',
    serviceAccount: '',
    labels: policy.selector,
    gateway: false,
    services: [],
  };
  return peerModesFor(set.peerAuthentication, workload, set.mesh.rootNamespace).mode;
}

/** A plaintext caller has no identity: it is none of those that a DENY names, and not one that a `not…` list keeps out. */
export const identityWithoutMtls: LintRule = {
  id: 'GL007',
  name: 'identity-without-mtls',
  severity: 'warning',
  summary: 'A rule that keeps callers out by their identity is slipped past by one who comes without a certificate.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      const fields = ruleFieldsOf(rule).filter(({ key }) => identityKeys.has(key));
      if (fields.length === 0) continue;
      const mode = modeFor(policy, set);
      if (mode === 'STRICT') continue;
      for (const field of fields) {
        const guards = guardingList(field, policy.action).length > 0 && !keepsOutNobodies(field, policy);
        if (guards) {
          yield observeRule(policy, index, guardingPath(field, policy.action), {
            reason: `PeerAuthentication is ${mode} here: a caller without a certificate has no identity and slips past`,
            fix: 'make PeerAuthentication STRICT, or deny `notPrincipals: ["*"]`',
          });
        } else if (mode === 'DISABLE' && policy.action === 'ALLOW' && field.values.length > 0) {
          yield observeRule(policy, index, field.path, {
            reason: 'PeerAuthentication is DISABLE here: no caller has an identity, and the rule allows nobody',
            fix: 'make PeerAuthentication PERMISSIVE or STRICT',
          });
        } else if (policy.action === 'ALLOW' && field.values.length > 0 && isWritten(set)) {
          yield observeRule(policy, index, field.path, {
            reason:
              'PeerAuthentication is PERMISSIVE here: callers without a certificate are refused by this rule only',
            fix: 'make PeerAuthentication STRICT when every caller has an identity',
            severity: 'note',
          });
        }
      }
    }
  },
};

/** Where no document says anything of mTLS there is nothing to be reminded of. */
function isWritten({ peerAuthentication }: PolicySet): boolean {
  return peerAuthentication.length > 0;
}

/** `notPrincipals: ["*"]` in a DENY matches just those without identity. */
function keepsOutNobodies({ values, notValues }: RuleField, { action }: AuthorizationPolicy): boolean {
  return action !== 'ALLOW' && values.length === 0 && notValues.includes('*');
}

export const addressBehindProxy: LintRule = {
  id: 'GL011',
  name: 'address-behind-proxy',
  severity: 'warning',
  summary: 'Behind trusted proxies the direct peer is a proxy, and ipBlocks are about the proxy.',
  *check(set): Generator<Observation> {
    if (set.mesh.trustedHops === 0) return;
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, path, notPath, values } of ruleFieldsOf(rule)) {
        if (key !== 'source.ip') continue;
        yield observeRule(policy, index, values.length > 0 ? path : notPath, {
          reason: `the direct peer is a proxy: ${set.mesh.trustedHops} trusted hops are configured`,
          fix: 'use `remoteIpBlocks` (`remote.ip` in `when`) for the address of the client',
        });
      }
    }
  },
};

export const anyIdentity: LintRule = {
  id: 'GL012',
  name: 'any-identity',
  severity: 'warning',
  summary: '`*` alone allows every identity, those of federated trust domains too.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      if (policy.action !== 'ALLOW') continue;
      for (const { key, path, values } of ruleFieldsOf(rule)) {
        if (!identityKeys.has(key) || !values.includes('*')) continue;
        const lone = values.length === 1;
        yield observeRule(policy, index, path, {
          reason: lone ? 'allows every caller that has any identity at all' : '`*` makes the other values idle',
          fix: lone ? 'name who is meant, or at least the trust domain' : 'remove `*`, or the others',
        });
      }
    }
  },
};

export const principalWithScheme: LintRule = {
  id: 'GL013',
  name: 'principal-with-scheme',
  severity: 'error',
  summary: 'Principals are written without `spiffe://`; with it they match nobody.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, path, notPath, values, notValues } of ruleFieldsOf(rule)) {
        if (key !== 'source.principal') continue;
        const value = [...values, ...notValues].find((each) => each.startsWith('spiffe://'));
        if (value === undefined) continue;
        const negative = !values.includes(value);
        yield observeRule(policy, index, negative ? notPath : path, {
          reason: withMissed(`\`${value}\` matches nobody`, policy.action, negative),
          fix: `write \`${value.slice('spiffe://'.length)}\``,
        });
      }
    }
  },
};

const localPointer = 'cluster.local';

/** Trust-domain aliases (authorization.md §1.7): what a principal says may not be what it means. */
export const trustDomainSurprise: LintRule = {
  id: 'GL014',
  name: 'trust-domain-surprise',
  severity: 'note',
  summary: 'A principal of the mesh means all the mesh’s names; one of another trust domain means that one only.',
  *check(set): Generator<Observation> {
    const names = [set.mesh.trustDomain, ...set.mesh.trustDomainAliases];
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, path, notPath, values, notValues } of ruleFieldsOf(rule)) {
        if (key !== 'source.principal' && key !== 'source.trustDomain') continue;
        for (const value of [...values, ...notValues]) {
          const reason = surprise(value, key, names);
          if (reason === undefined) continue;
          const at = values.includes(value) ? path : notPath;
          yield observeRule(policy, index, at, {
            reason,
            fix: `the mesh is called ${names.map((n) => `\`${n}\``).join(', ')}`,
          });
        }
      }
    }
  },
};

function surprise(value: string, key: string, names: readonly string[]): string | undefined {
  const parts = value.split('/');
  const domain = parts[0] ?? '';
  if (domain.includes('*') || value.startsWith('spiffe://')) return undefined;
  if (key === 'source.principal' && parts.length !== 5) {
    const known = domain === localPointer || names.includes(domain);
    return known && (names.length > 1 || !names.includes(domain)) && value.endsWith('*')
      ? `\`${value}\` is compared as it is written: only a principal of five parts stands for every name of the mesh`
      : undefined;
  }
  if (domain === localPointer && !names.includes(localPointer))
    return `\`${value}\` means the mesh itself, which has another name`;
  if (domain === localPointer || names.includes(domain)) return undefined;
  return `\`${domain}\` is another trust domain, whose callers are known only by federation`;
}
