import { readYaml } from '#schema/index.ts';
import type { Fault, Limits } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import { defaultMesh } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import { makePolicySet } from './policy-set.ts';
import type { PolicySet } from './policy-set.ts';
import { DocumentReader } from './read-document.ts';

export interface SourceText {
  /** What places name it as: usually its path. */
  readonly name: string;
  readonly text: string | Uint8Array;
}

export type Loaded =
  | { readonly ok: true; readonly set: PolicySet; readonly warnings: readonly Fault[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

export interface LoadOptions {
  readonly limits?: Partial<Limits> | undefined;
  /** What reads the policies of CedarPolicy documents; without it such a document is a fault. */
  readonly cedar?: CedarEngine | undefined;
}

/**
 * Validates the documents of all texts together. One fault refuses the whole set: a rule that is dropped is a door left open.
 * All faults are told, warnings among them, in the order of the texts.
 */
export function loadPolicies(
  files: readonly SourceText[],
  mesh: Partial<Mesh> = {},
  { limits = {}, cedar }: LoadOptions = {},
): Loaded {
  const whole = { ...defaultMesh, ...mesh };
  const reader = new DocumentReader(whole, cedar);
  for (const file of files) {
    const { documents, faults } = readYaml(file.text, file.name, limits);
    for (const fault of faults) reader.tell(fault);
    // A text that could not be read in full tells nothing reliable about the documents in it.
    if (faults.length === 0) for (const document of documents) reader.read(document);
  }
  const { documents } = reader;
  const faults = inOrder(reader.faults, files);
  if (faults.some((fault) => fault.severity === 'error')) return { ok: false, faults };
  return { ok: true, set: makePolicySet(whole, documents, cedar), warnings: faults };
}

function inOrder(faults: readonly Fault[], files: readonly SourceText[]): Fault[] {
  const order = new Map(files.map((file, index) => [file.name, index]));
  return faults.toSorted(
    (a, b) =>
      (order.get(a.place.file) ?? 0) - (order.get(b.place.file) ?? 0) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column,
  );
}
