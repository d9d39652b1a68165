import type { DerReader } from '../der/read.ts';
import { tags } from '../der/tags.ts';

const texts: ReadonlySet<number> = new Set([tags.utf8String, tags.printableString, tags.ia5String]);

/** RFC 5280 §4.1.2.4: what a Name is made of. What it says is of no interest; that tools read it in one way is. */
export function checkName(name: DerReader): void {
  while (!name.done) {
    const relative = name.enter(tags.set, 'relativeDistinguishedName');
    // At least one: an empty set names nothing.
    do {
      const attribute = relative.enter(tags.sequence, 'attributeTypeAndValue');
      attribute.oid('type');
      if (!texts.has(attribute.next().tag)) throw attribute.fault('has a value in a name that is no text');
      attribute.end();
    } while (!relative.done);
  }
}
