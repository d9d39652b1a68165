/** How one value of a list matches text. `*` is tested first, then a leading `*`, then a trailing one; any other `*` is literal. */
export type Pattern =
  | { readonly kind: 'any' }
  | { readonly kind: 'exact'; readonly text: string }
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'suffix'; readonly text: string };

export function readPattern(value: string): Pattern {
  if (value === '*') return { kind: 'any' };
  if (value.startsWith('*')) return { kind: 'suffix', text: value.slice(1) };
  if (value.endsWith('*')) return { kind: 'prefix', text: value.slice(0, -1) };
  return { kind: 'exact', text: value };
}

export function mapPattern(pattern: Pattern, change: (text: string) => string): Pattern {
  return pattern.kind === 'any' ? pattern : { kind: pattern.kind, text: change(pattern.text) };
}

/** One pattern on one text, without any index: for lists too short to be worth one. */
export function matchesPattern(pattern: Pattern, text: string): boolean {
  switch (pattern.kind) {
    case 'any':
      return text !== '';
    case 'exact':
      return text === pattern.text;
    case 'prefix':
      return text.startsWith(pattern.text);
    case 'suffix':
      return text.endsWith(pattern.text);
    default:
      return pattern satisfies never;
  }
}
