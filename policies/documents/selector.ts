import { check, field, list, map, object, oneOf, record, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import type { Selector, TargetRef } from './model.ts';

const labels = check(record(string({ maxLength: 63 }), { max: 4096 }), (value, here) => {
  for (const [key, label] of value) {
    if (key === '') here.fault('a label must have a name', 'name the label, or remove it', key);
    else if (`${key}${label}`.includes('*')) {
      here.fault('a selector has no wildcards', 'write the whole label', key);
    }
  }
});

const nothing: Selector = new Map();

/** `selector`: labels a workload must carry, without wildcards (authorization.md §4, 1–4). */
export const selector: Shape<Selector> = map(
  object({
    matchLabels: field(labels, { describe: 'Labels that a workload must carry, all of them.', default: nothing }),
  }),
  (value, here) => {
    if (value.matchLabels.size === 0 && !hasFaultyLabels(here)) {
      here.warn('selects every workload', 'remove it, or name labels below `matchLabels`');
    }
    return value.matchLabels;
  },
);

function hasFaultyLabels(here: Here): boolean {
  const given = here.node.kind === 'map' ? here.node.get('matchLabels') : undefined;
  return given !== undefined && !(given.kind === 'map' && given.entries.length === 0);
}

const targets = [
  { kind: 'Gateway', group: 'gateway.networking.k8s.io' },
  { kind: 'GatewayClass', group: 'gateway.networking.k8s.io' },
  { kind: 'Service', group: '' },
  { kind: 'ServiceEntry', group: 'networking.istio.io' },
] as const;
const targetKinds = targets.map((target) => target.kind);

const targetFields = object({
  group: field(string(), { describe: 'API group of the target; empty or `core` for a Service.', default: '' }),
  kind: field(oneOf(targetKinds), { describe: 'Kind of the target.', required: true }),
  name: field(string({ minLength: 1 }), {
    describe: 'Name of the target, in the namespace of the policy.',
    required: true,
  }),
  namespace: field(string(), {
    describe: 'Must be left out: a policy reaches its own namespace only.',
    nullable: true,
  }),
});

export const targetRef: Shape<TargetRef> = map(targetFields, (value, here) => {
  if (value.namespace !== undefined && value.namespace !== '') {
    here.fault('a target is always in the namespace of the policy', 'remove `namespace`', 'namespace');
  }
  const expected = targets.find((target) => target.kind === value.kind)?.group;
  const group = value.group === 'core' ? '' : value.group;
  if (group !== expected) {
    const fix = expected === '' ? 'leave `group` out' : `write \`group: ${expected ?? ''}\``;
    here.fault(`no ${value.kind} is in the API group \`${value.group}\``, fix, 'group');
  }
  return { kind: value.kind, name: value.name };
});

/** The three ways to say what a document is about, of which a spec may use one. */
export const scopeFields = {
  selector: field(selector, { describe: 'Which workloads of the namespace this is about; absent: all of them.' }),
  targetRef: field(targetRef, { describe: 'One target; `targetRefs` is the newer spelling.' }),
  targetRefs: field(list(targetRef, { max: 16 }), {
    describe: 'Gateways, gateway classes, services or service entries that this is about.',
  }),
};

/** JSON Schema for "one of the three". */
export const scopeSchema = {
  not: {
    anyOf: [
      { required: ['selector', 'targetRef'] },
      { required: ['selector', 'targetRefs'] },
      { required: ['targetRef', 'targetRefs'] },
    ],
  },
};

interface ScopeOf {
  readonly selector: Selector | undefined;
  readonly targetRef: TargetRef | undefined;
  readonly targetRefs: readonly TargetRef[] | undefined;
}

export interface Scope {
  readonly selector: Selector;
  readonly targetRefs: readonly TargetRef[];
}

export function readScope(spec: ScopeOf, here: Here): Scope {
  const [first, second] = ['selector', 'targetRef', 'targetRefs'].filter((key) => here.has(key));
  if (first !== undefined && second !== undefined) {
    here.fault(`\`${first}\` and \`${second}\` exclude each other`, `remove \`${first}\` or \`${second}\``, second);
  }
  return {
    selector: spec.selector ?? nothing,
    targetRefs: spec.targetRefs ?? (spec.targetRef === undefined ? [] : [spec.targetRef]),
  };
}
