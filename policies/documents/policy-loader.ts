import { eachLightly, readYamlSteps } from '#schema/index.ts';
import type { Fault, Limits, Steps } from '#schema/index.ts';
import type { CedarEngine } from '../cedar/engine.ts';
import { defaultMesh } from './mesh.ts';
import type { Mesh } from './mesh.ts';
import type { Document } from './model.ts';
import { policySetSteps } from './policy-set.ts';
import type { PolicySet } from './policy-set.ts';
import { DocumentReader, mostFaults } from './read-document.ts';
import { setWarnings } from './set-warnings.ts';

export interface SourceText {
  /** What places name it as: usually its path. */
  readonly name: string;
  readonly text: string | Uint8Array;
}

export type Loaded =
  | { readonly ok: true; readonly set: PolicySet; readonly warnings: readonly Fault[] }
  | { readonly ok: false; readonly faults: readonly Fault[] };

/** What a text says, for as long as it says the same. */
interface ReadText {
  readonly text: string;
  readonly documents: readonly Document[];
  readonly warnings: readonly Fault[];
}

/**
 * Reads and validates the texts of one mesh, time after time. A text that is in force and has not changed is not read again:
 * its documents are the same objects as before.
 */
export class PolicyLoader {
  readonly #mesh: Mesh;
  readonly #limits: Partial<Limits>;
  #read: ReadonlyMap<string, ReadText> = new Map();
  #cedar: CedarEngine | undefined = undefined;

  constructor(mesh: Partial<Mesh> = {}, limits: Partial<Limits> = {}) {
    this.#mesh = { ...defaultMesh, ...mesh };
    this.#limits = limits;
  }

  /**
   * Validates the documents of all texts together. One fault refuses the whole set: a rule that is dropped is a door left
   * open. All faults are told, warnings among them, in the order of the texts.
   */
  *load(files: readonly SourceText[], cedar?: CedarEngine): Steps<Loaded> {
    const reader = new DocumentReader(this.#mesh, cedar);
    const read = new Map<string, ReadText>();
    for (const file of files) {
      const known = cedar === this.#cedar ? this.#read.get(file.name) : undefined;
      const unchanged = known !== undefined && known.text === file.text && (yield* adoptAll(known, reader));
      const now = unchanged ? known : yield* this.#readText(file, reader);
      if (now !== undefined) read.set(file.name, now);
      yield;
    }
    const faults = inOrder(reader.faults, files);
    if (faults.some((fault) => fault.severity === 'error')) return { ok: false, faults };
    this.#read = read;
    this.#cedar = cedar;
    const set = yield* policySetSteps(this.#mesh, reader.documents, cedar);
    return { ok: true, set, warnings: inOrder([...faults, ...setWarnings(set)], files) };
  }

  /** Undefined where what it says is too much to remember, or nothing to rely on. */
  *#readText({ name, text }: SourceText, reader: DocumentReader): Steps<ReadText | undefined> {
    const before = reader.mark;
    const warnings: Fault[] = [];
    reader.recorded = warnings;
    const { faults } = yield* readYamlSteps(text, name, this.#limits, (document) => reader.read(document));
    reader.recorded = undefined;
    if (faults.length > 0) {
      // A text that could not be read in full tells nothing reliable about the documents in it.
      reader.backTo(before);
      for (const fault of faults) reader.tell(fault);
      return undefined;
    }
    if (warnings.length > mostFaults || typeof text !== 'string') return undefined;
    return { text, documents: reader.documents.slice(before.documents), warnings };
  }
}

/** False, and nothing taken, where a name is given twice: then the text is read again, for what is to be said about it. */
function* adoptAll({ documents, warnings }: ReadText, reader: DocumentReader): Steps<boolean> {
  const before = reader.mark;
  const refused = new Set<Document>();
  yield* eachLightly(documents, (document) => {
    if (!reader.adopt(document)) refused.add(document);
  });
  if (refused.size > 0) {
    reader.backTo(before);
    return false;
  }
  for (const warning of warnings) reader.tell(warning);
  return true;
}

function inOrder(faults: readonly Fault[], files: readonly SourceText[]): readonly Fault[] {
  if (faults.length === 0) return faults;
  const order = new Map(files.map((file, index) => [file.name, index]));
  return faults.toSorted(
    (a, b) =>
      (order.get(a.place.file) ?? 0) - (order.get(b.place.file) ?? 0) ||
      a.place.line - b.place.line ||
      a.place.column - b.place.column,
  );
}
