import { any, field, map, object, oneOf } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import type { Metadata } from './model.ts';

/** Where a document's own checks stand: at the document, with the text's place for everything below. */
export type DocumentHere = Here;

export interface DocumentShape<S, D> {
  readonly apiVersions: readonly string[];
  readonly kind: string;
  readonly metadata: Shape<Metadata>;
  readonly spec: Shape<S>;
  /** What an absent `spec` reads as; without it the spec is required. */
  readonly emptySpec?: S;
  readonly describe: string;
  finish(metadata: Metadata, spec: S, here: DocumentHere): D | undefined;
}

/** The four keys that every document has, around one spec. */
export function documentShape<S, D>(shape: DocumentShape<S, D>): Shape<D> {
  const { emptySpec } = shape;
  const spec =
    emptySpec === undefined
      ? field(shape.spec, { describe: shape.describe, required: true })
      : field<S, S>(shape.spec, { describe: shape.describe, default: emptySpec });
  const whole = object({
    apiVersion: field(oneOf(shape.apiVersions), { describe: 'API group and version.', required: true }),
    kind: field(oneOf([shape.kind]), { describe: 'The kind of document.', required: true }),
    metadata: field(shape.metadata, { describe: 'Name, namespace and annotations.', required: true }),
    spec,
    status: field(any(), { describe: 'Written by Kubernetes; not read.', nullable: true }),
  });
  return map(whole, (value, here) => shape.finish(value.metadata, value.spec, here));
}
