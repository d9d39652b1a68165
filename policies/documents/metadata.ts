import { any, check, field, map, object, record, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import type { Metadata } from './model.ts';

const name = string({
  minLength: 1,
  maxLength: 253,
  pattern: {
    expression: /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
    reason: 'is not a name',
    fix: 'use lower-case letters, digits, `-` and `.`, beginning and ending with a letter or digit',
  },
});

const namespace = string({
  minLength: 1,
  maxLength: 63,
  pattern: {
    expression: /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/,
    reason: 'is not a namespace',
    fix: 'use lower-case letters, digits and `-`, beginning and ending with a letter or digit',
  },
});

const texts = record(string());
const kept = { describe: 'Written by Kubernetes; not read.', nullable: true };

const fields = object({
  name: field(name, { describe: 'Name, unique for the kind in its namespace.', required: true }),
  namespace: field(namespace, {
    describe: 'Namespace whose workloads the document is about; the root namespace stands for all.',
    default: 'default',
    nullable: true,
  }),
  labels: field(texts, { describe: 'Labels of the document itself; not read.', nullable: true }),
  annotations: field(texts, {
    describe: 'Annotations; `istio.io/dry-run` makes an AuthorizationPolicy report what it would decide.',
    nullable: true,
  }),
  creationTimestamp: field(string(), {
    describe: 'When the document was made (RFC 3339); of two PeerAuthentications for the same scope the older counts.',
    nullable: true,
  }),
  uid: field(any(), kept),
  resourceVersion: field(any(), kept),
  generation: field(any(), kept),
  generateName: field(any(), kept),
  managedFields: field(any(), kept),
  ownerReferences: field(any(), kept),
  finalizers: field(any(), kept),
  selfLink: field(any(), kept),
  deletionTimestamp: field(any(), kept),
  deletionGracePeriodSeconds: field(any(), kept),
});

const nothing: ReadonlyMap<string, string> = new Map();

export const metadata: Shape<Metadata> = map(fields, (value, here) => {
  refuseReserved(value.annotations ?? nothing, here);
  return {
    name: value.name,
    namespace: value.namespace,
    labels: value.labels ?? nothing,
    annotations: value.annotations ?? nothing,
    created: value.creationTimestamp === undefined ? undefined : readTime(value.creationTimestamp, here),
    place: here.node.place,
  };
});

// What istiod writes for itself (authorization.md §4, 29): a document that carries it was not written by a person.
function refuseReserved(annotations: ReadonlyMap<string, string>, here: Here): void {
  for (const key of annotations.keys()) {
    if (key.startsWith('internal.istio.io/')) {
      here.fault(`the annotation \`${key}\` is reserved`, 'remove it', 'annotations', key);
    }
  }
}

const rfc3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

function readTime(text: string, here: Here): number | undefined {
  const time = rfc3339.test(text) ? Date.parse(text) : NaN;
  if (!Number.isNaN(time)) return time;
  here.fault(`\`${text}\` is not a time`, 'write it as `2026-01-31T12:00:00Z`', 'creationTimestamp');
  return undefined;
}

export const dryRunAnnotation = 'istio.io/dry-run';

/** For kinds that decide nothing by themselves: dry-run means nothing on them, so it must not seem to (authorization.md §4, 28). */
export const metadataWithoutDryRun: Shape<Metadata> = check(metadata, (value, here) => {
  if (!value.annotations.has(dryRunAnnotation)) return;
  const reason = `the annotation \`${dryRunAnnotation}\` works on AuthorizationPolicy only`;
  here.fault(reason, 'remove it', 'annotations', dryRunAnnotation);
});
