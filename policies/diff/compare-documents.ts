import type { Place } from '#schema/index.ts';
import { policyName } from '../compile/rule-compiler.ts';
import type { Document } from '../documents/model.ts';
import { changedFields, plain } from './changed-fields.ts';
import type { FieldChange } from './changed-fields.ts';

export interface DocumentChange {
  readonly change: 'added' | 'removed' | 'changed';
  readonly kind: string;
  /** `namespace/name` */
  readonly document: string;
  /** Where it stands: before and after, or the one of them that there is. */
  readonly places: readonly Place[];
  /** What is other in one that changed; empty for the rest. */
  readonly fields: readonly FieldChange[];
}

/** Documents that are in one set alone, or say other things in the two; where they stand does not matter. */
export function compareDocuments(before: readonly Document[], after: readonly Document[]): DocumentChange[] {
  const [left, right] = [byName(before), byName(after)];
  const changes: DocumentChange[] = [];
  for (const [name, document] of left) {
    const other = right.get(name);
    if (other === undefined) changes.push(changeOf('removed', document));
    else if (meaningOf(document) !== meaningOf(other)) changes.push(changeOf('changed', document, other));
  }
  for (const [name, document] of right) if (!left.has(name)) changes.push(changeOf('added', document));
  return changes;
}

function byName(documents: readonly Document[]): Map<string, Document> {
  return new Map(documents.map((document) => [`${document.kind} ${policyName(document)}`, document]));
}

function changeOf(change: DocumentChange['change'], ...documents: readonly [Document, Document?]): DocumentChange {
  const [first, other] = documents;
  const places = [first.metadata.place, ...(other === undefined ? [] : [other.metadata.place])];
  const fields = other === undefined ? [] : changedFields(first, other);
  return { change, kind: first.kind, document: policyName(first), places, fields };
}

function meaningOf(document: Document): string {
  return JSON.stringify(plain(document));
}
