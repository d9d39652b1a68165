import type { FieldKind, FieldKinds } from '../compile/condition.ts';
import { conditionKind } from '../compile/condition.ts';
import { lenses } from '../compile/lens.ts';
import { hosts, paths, texts } from '../compile/list-tests.ts';

/** How the compiler compares the field of a key: the same makers of the same tests. */
export function fieldKindOf(key: string, kinds: FieldKinds): FieldKind {
  switch (key) {
    case 'host':
      return { http: true, make: hosts };
    case 'method':
      return { http: true, make: texts(lenses.method) };
    case 'path':
      return { http: true, make: paths };
    default:
      return conditionKind(key, kinds);
  }
}
