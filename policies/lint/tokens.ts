import { policyName } from '../compile/rule-compiler.ts';
import type { AuthorizationPolicy, RequestAuthentication, Selector, TargetRef } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { ruleFieldsOf } from '../explain/rule-fields.ts';
import { eachRule, observeDocument, observeRule } from './finding.ts';
import type { LintRule, Observation } from './finding.ts';

interface Scoped {
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
}

/** Whether there could be a workload that both are in force for. */
function mayMeet(a: Scoped, b: Scoped, root: string): boolean {
  const [left, right] = [a.metadata.namespace, b.metadata.namespace];
  if (left !== right && left !== root && right !== root) return false;
  for (const [key, value] of a.selector) if ((b.selector.get(key) ?? value) !== value) return false;
  return true;
}

function asksToken(policy: AuthorizationPolicy): boolean {
  return policy.rules.some((rule) => ruleFieldsOf(rule).some(({ key }) => key.startsWith('request.auth.')));
}

export const tokenWithoutAuthentication: LintRule = {
  id: 'GL006',
  name: 'token-without-authentication',
  severity: 'warning',
  summary: 'A rule that asks about a token never matches where no RequestAuthentication verifies one.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      const field = ruleFieldsOf(rule).find(({ key }) => key.startsWith('request.auth.'));
      if (field === undefined) continue;
      const verified = set.requestAuthentication.some(
        (document) => document.jwtRules.length > 0 && mayMeet(document, policy, set.mesh.rootNamespace),
      );
      if (verified) continue;
      yield observeRule(policy, index, field.values.length > 0 ? field.path : field.notPath, {
        reason: 'asks about a token, and no RequestAuthentication in scope verifies any',
        fix: 'add a RequestAuthentication for the same workloads, unless a proxy in front hands verified claims over',
      });
    }
  },
};

const neverText = /^(?:true|false|null|-?[0-9]+(?:\.[0-9]+)?)$/i;

export const claimNeverString: LintRule = {
  id: 'GL008',
  name: 'claim-never-string',
  severity: 'warning',
  summary: 'Claims that are booleans or numbers match nothing: only strings and lists of strings do.',
  *check(set): Generator<Observation> {
    for (const { policy, rule, index } of eachRule(set)) {
      for (const { key, values, notValues, path, notPath } of ruleFieldsOf(rule)) {
        if (!key.startsWith('request.auth.claims[')) continue;
        const value = [...values, ...notValues].find((each) => neverText.test(each));
        if (value === undefined) continue;
        yield observeRule(policy, index, values.includes(value) ? path : notPath, {
          reason: `\`${value}\` matches a claim only where the token holds it as a string`,
          fix: 'let the issuer write it as a string or in a list of strings, or ask about another claim',
        });
      }
    }
  },
};

export const authenticationWithoutRequirement: LintRule = {
  id: 'GL010',
  name: 'authentication-without-requirement',
  severity: 'warning',
  summary: 'RequestAuthentication alone refuses bad tokens and lets requests without any token through.',
  *check(set): Generator<Observation> {
    for (const document of set.requestAuthentication) {
      if (document.jwtRules.length === 0 || isRequired(document, set)) continue;
      yield observeDocument(document, 'spec.jwtRules', {
        reason: 'requests without a token pass: nothing in scope requires one',
        fix: 'add `presence: REQUIRED`, or a policy that asks for `requestPrincipals: ["*"]`',
      });
    }
  },
};

function isRequired(document: RequestAuthentication, set: PolicySet): boolean {
  return (
    document.jwtRules.some(({ presence }) => presence === 'REQUIRED') ||
    set.authorization.some(
      (policy) => !policy.dryRun && asksToken(policy) && mayMeet(document, policy, set.mesh.rootNamespace),
    )
  );
}

export const jwksWithoutTls: LintRule = {
  id: 'GL017',
  name: 'jwks-without-tls',
  severity: 'warning',
  summary: 'Whoever can change an answer over plain http chooses the keys that tokens are verified with.',
  *check(set): Generator<Observation> {
    for (const document of set.requestAuthentication) {
      for (const [index, { jwksUri, jwks, issuer, place }] of document.jwtRules.entries()) {
        const discovered = jwks === undefined && jwksUri === undefined;
        const uri = jwksUri ?? (discovered ? issuer : '');
        if (!/^http:/i.test(uri)) continue;
        const field = `spec.jwtRules[${index}].${discovered ? 'issuer' : 'jwksUri'}`;
        const words = { reason: `the keys of ${policyName(document)} are fetched without TLS`, fix: 'use https' };
        yield { ...observeDocument(document, field, words), place };
      }
    }
  },
};
