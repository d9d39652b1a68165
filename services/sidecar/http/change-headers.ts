import type { HeaderChange } from '../decide/decider.ts';
import { setField } from './clean-headers.ts';
import { type Fields, keepFields } from './message.ts';

/** Header lines that say how long a message is or whom it is for are not for a directive to change. */
const fixed = /^(host|content-length|transfer-encoding|connection|upgrade|:.*)$/;

export function changeHeaders(fields: Fields, changes: readonly HeaderChange[]): Fields {
  let changed: Fields = fields;
  for (const { operation, name, value } of changes) {
    const lowerName = name.toLowerCase();
    if (fixed.test(lowerName)) continue;
    if (operation === 'append') changed = [...changed, lowerName, value];
    else if (operation === 'replace') changed = setField(changed, lowerName, value);
    else changed = keepFields(changed, (other) => other !== lowerName);
  }
  return changed;
}

/** Whether a name in lower case, in any spelling, is one that the changes say something about: then only they say it. */
export function isChanged(changes: readonly HeaderChange[], lowerName: string): boolean {
  const dashed = lowerName.replaceAll('_', '-');
  return changes.some(({ name }) => name.toLowerCase().replaceAll('_', '-') === dashed);
}
