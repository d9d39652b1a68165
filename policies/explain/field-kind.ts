import { hostKind, methodKind, pathKind } from '../compile/compile-rule.ts';
import type { FieldKind, FieldKinds } from '../compile/condition.ts';
import { conditionKind } from '../compile/condition.ts';

/** How the compiler compares the field of a key: the same makers of the same tests. */
export function fieldKindOf(key: string, kinds: FieldKinds): FieldKind {
  switch (key) {
    case 'host':
      return hostKind;
    case 'method':
      return methodKind;
    case 'path':
      return pathKind;
    default:
      return conditionKind(key, kinds);
  }
}
