import type { AttributeBag } from '#proto/attributes/index.ts';
import type { HeaderLines } from './evidence.ts';
import { readMap } from './read-attribute.ts';

/** What a provider that allows a request makes of one of its headers. */
export interface HeaderEdit {
  readonly operation: 'replace' | 'append' | 'remove';
  readonly name: string;
  readonly value: string;
}

/** The headers of a request after edits, one after the other. Undefined where there are none. */
export function editedHeaders(bag: AttributeBag, edits: readonly HeaderEdit[]): HeaderLines | undefined {
  if (edits.length === 0) return undefined;
  const repeated = readMap(bag, 'garrison.request.repeated_headers');
  const lines = new Map<string, readonly string[]>();
  for (const [name, value] of readMap(bag, 'request.headers') ?? []) {
    lines.set(name, repeated?.get(name)?.split('\n') ?? [value]);
  }
  for (const { operation, name, value } of edits) {
    const lower = name.toLowerCase();
    const spellings = [...lines.keys()].filter((other) => other.toLowerCase() === lower);
    const before = operation === 'append' ? spellings.flatMap((spelling) => lines.get(spelling) ?? []) : [];
    for (const spelling of spellings) lines.delete(spelling);
    if (operation !== 'remove') lines.set(lower, [...before, value]);
  }
  const several = [...lines].filter(([, values]) => values.length > 1);
  return {
    joined: new Map([...lines].map(([name, values]) => [name, values.join(',')])),
    repeated: new Map(several.map(([name, values]) => [name, values.join('\n')])),
  };
}
