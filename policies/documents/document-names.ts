import type { Document } from './model.ts';

/** Documents by kind, namespace and name. Thousands are put in at every change, so no key is made of the three. */
export class DocumentNames {
  readonly #byPlace = new Map<string, Map<string, Document>>();

  /** False where there is one of the same name already. */
  add(document: Document): boolean {
    const names = this.#names(document);
    const { name } = document.metadata;
    if (names.has(name)) return false;
    names.set(name, document);
    return true;
  }

  sameAs(document: Document): Document | undefined {
    return this.#names(document).get(document.metadata.name);
  }

  delete(document: Document): void {
    this.#names(document).delete(document.metadata.name);
  }

  #names({ kind, metadata: { namespace } }: Document): Map<string, Document> {
    const place = `${kind} ${namespace}`;
    let names = this.#byPlace.get(place);
    if (names === undefined) this.#byPlace.set(place, (names = new Map<string, Document>()));
    return names;
  }
}
