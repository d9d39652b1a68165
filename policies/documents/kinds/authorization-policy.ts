import { check, field, list, object, oneOf, string } from '#schema/index.ts';
import type { Here, Parsed, Shape } from '#schema/index.ts';
import { isHttpKey } from '../conditions.ts';
import { documentShape } from '../document-shape.ts';
import { dryRunAnnotation, metadata } from '../metadata.ts';
import { actions } from '../model.ts';
import type { AuthorizationPolicy, Metadata, Rule, Source } from '../model.ts';
import { maxRules, rule } from '../rules.ts';
import { readScope, scopeFields, scopeSchema } from '../selector.ts';

const provider = object({
  name: field(string({ minLength: 1 }), {
    describe: 'Name of a Handler, in the policy’s namespace or the root namespace.',
    required: true,
  }),
});

function isAction(...names: string[]): object {
  return { properties: { action: { enum: names } }, required: ['action'] };
}

const spec = check(
  object({
    ...scopeFields,
    action: field(oneOf(actions), { describe: 'What a matching rule means.', default: 'ALLOW' as const }),
    provider: field(provider, { describe: 'Whom a CUSTOM policy asks.' }),
    rules: field(list(rule, { max: maxRules }), {
      describe: 'The policy matches when one of these does. ALLOW without rules allows nothing.',
    }),
  }),
  (value, here) => {
    readScope(value, here);
    checkAction(value, here);
    if (value.action === 'CUSTOM') refuseIdentity(here);
  },
  {
    allOf: [
      scopeSchema,
      { if: isAction('DENY', 'CUSTOM'), then: { required: ['rules'], properties: { rules: { minItems: 1 } } } },
      { if: isAction('CUSTOM'), then: { required: ['provider'] }, else: { not: { required: ['provider'] } } },
    ],
  },
);
type Spec = Parsed<typeof spec>;

function checkAction(value: Spec, here: Here): void {
  if ((value.action === 'DENY' || value.action === 'CUSTOM') && (value.rules?.length ?? 0) === 0 && !hasRules(here)) {
    here.fault(
      `${value.action} without rules can never match`,
      'add `rules`; `rules: [{}]` matches everything',
      'rules',
    );
  }
  if (value.action === 'CUSTOM' && !here.has('provider')) {
    here.fault('CUSTOM needs a provider', 'name a Handler', 'provider', 'name');
  }
  if (value.action !== 'CUSTOM' && here.has('provider')) {
    here.fault(`a provider means nothing with ${value.action}`, 'remove it, or use `action: CUSTOM`', 'provider');
  }
}

function hasRules(here: Here): boolean {
  const given = here.node.kind === 'map' ? here.node.get('rules') : undefined;
  return given !== undefined && !(given.kind === 'list' && given.items.length === 0);
}

const identityFields = ['principals', 'requestPrincipals', 'namespaces', 'serviceAccounts', 'trustDomains'].flatMap(
  (name) => [name, `not${name.charAt(0).toUpperCase()}${name.slice(1)}`],
);
const identityKeys = ['source.namespace', 'source.serviceAccount', 'source.trustDomain', 'source.principal'];

// CUSTOM is asked before identities and tokens are known (authorization.md §1.5 and §4, 7).
function refuseIdentity(here: Here): void {
  const fix = 'use it in a policy with another action';
  for (const [path, node] of walkRules(here)) {
    if (node.kind !== 'map') continue;
    for (const { key } of node.entries) {
      if (identityFields.includes(key)) here.fault(`CUSTOM cannot use \`${key}\``, fix, ...path, key);
    }
    const key = node.get('key');
    if (path.at(-2) !== 'when' || key?.kind !== 'scalar') continue;
    if (identityKeys.includes(key.text) || key.text.startsWith('request.auth.')) {
      here.fault(`CUSTOM cannot use \`${key.text}\``, fix, ...path, 'key');
    }
  }
}

type Path = (string | number)[];
type Item = Here['node'];

/** Every source and every condition, with its path: of the tree, so that what could not be read is seen too. */
function* walkRules(here: Here): Generator<[Path, Item]> {
  for (const [path, item] of elements(here.node, [], 'rules')) {
    for (const [fromPath, from] of elements(item, path, 'from')) {
      const source = from.kind === 'map' ? from.get('source') : undefined;
      if (source !== undefined) yield [[...fromPath, 'source'], source];
    }
    yield* elements(item, path, 'when');
  }
}

function* elements(node: Item, path: Path, key: string): Generator<[Path, Item]> {
  const listed = node.kind === 'map' ? node.get(key) : undefined;
  if (listed?.kind !== 'list') return;
  for (const [index, item] of listed.items.entries()) yield [[...path, key, index], item];
}

// strconv.ParseBool, which is what upstream reads the annotation with.
const trues = ['1', 't', 'T', 'TRUE', 'true', 'True'];
const falses = ['0', 'f', 'F', 'FALSE', 'false', 'False'];

function readDryRun({ annotations }: Metadata, { action }: Spec, here: Here): boolean {
  const value = annotations.get(dryRunAnnotation);
  if (value === undefined) return false;
  const at = ['metadata', 'annotations', dryRunAnnotation];
  if (action === 'AUDIT' || action === 'CUSTOM') here.fault(`dry-run does not work with ${action}`, 'remove it', ...at);
  if (!trues.includes(value) && !falses.includes(value)) {
    here.fault(`\`${value}\` is neither true nor false`, 'write `"true"` or `"false"`', ...at);
  }
  return trues.includes(value);
}

/** On TCP the HTTP parts of a DENY rule fall away; a rule of nothing else then denies every connection in scope (§1.6). */
function warnOfTcp({ rules = [], action }: Spec, here: Here): void {
  if (action !== 'DENY') return;
  for (const [index, each] of rules.entries()) {
    if (!deniesAllTcp(each)) continue;
    const reason = 'matches by HTTP fields only, and so denies every TCP connection to the workloads in scope';
    here.warn(reason, 'name the `ports` it is about', 'spec', 'rules', index);
  }
}

function deniesAllTcp({ from, to, when }: Rule): boolean {
  if (from.length + to.length + when.length === 0) return false;
  const anyFrom = from.length === 0 || from.some((source) => !knownOnTcp(source));
  const anyTo = to.length === 0 || to.some((operation) => operation.ports.length + operation.notPorts.length === 0);
  return anyFrom && anyTo && when.every((condition) => isHttpKey(condition.key));
}

function knownOnTcp({ requestPrincipals: _http, notRequestPrincipals: _http2, ...others }: Source): boolean {
  return Object.values(others).some((values) => values.length > 0);
}

export const authorizationPolicy: Shape<AuthorizationPolicy> = documentShape({
  apiVersions: ['security.istio.io/v1', 'security.istio.io/v1beta1'],
  kind: 'AuthorizationPolicy',
  describe: 'Who may do what: rules of from, to and when, and what a match means.',
  metadata,
  spec,
  emptySpec: {
    selector: undefined,
    targetRef: undefined,
    targetRefs: undefined,
    action: 'ALLOW',
    provider: undefined,
    rules: [],
  },
  finish(meta, value, here): AuthorizationPolicy {
    const dryRun = readDryRun(meta, value, here);
    // On trial it denies nothing.
    if (!dryRun) warnOfTcp(value, here);
    return {
      kind: 'AuthorizationPolicy',
      metadata: meta,
      selector: value.selector ?? new Map(),
      targetRefs: value.targetRefs ?? (value.targetRef === undefined ? [] : [value.targetRef]),
      action: value.action,
      provider: value.provider?.name,
      rules: value.rules ?? [],
      dryRun,
    };
  },
});
