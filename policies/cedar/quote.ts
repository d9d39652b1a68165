import type { Pattern } from '../compile/pattern.ts';

/** A Cedar string literal. */
export function quote(text: string): string {
  return `"${escape(text)}"`;
}

/** The text of a `like` pattern: `*` stands for any characters, so a `*` that is meant is escaped. */
function likeText(text: string): string {
  return escape(text).replaceAll('*', '\\*');
}

/** `operand` compared with one pattern of a value list. */
export function compare(operand: string, pattern: Pattern): string {
  switch (pattern.kind) {
    case 'any':
      return `${operand} != ""`;
    case 'exact':
      return `${operand} == ${quote(pattern.text)}`;
    case 'prefix':
      return `${operand} like "${likeText(pattern.text)}*"`;
    case 'suffix':
      return `${operand} like "*${likeText(pattern.text)}"`;
    default:
      return pattern satisfies never;
  }
}

/** A value in which every `*` is a wildcard, wherever it stands. */
export function compareGlob(operand: string, glob: string): string {
  return glob.includes('*') ? `${operand} like "${escape(glob)}"` : `${operand} == ${quote(glob)}`;
}

/** Alternatives. A long list is nested by halves: Cedar's evaluator goes as deep as the expression is. */
export function anyOf(terms: readonly string[]): string {
  if (terms.length === 1) return terms[0] ?? '';
  if (terms.length <= longestFlat) return `(${terms.join(' || ')})`;
  const middle = terms.length >>> 1;
  return `(${anyOf(terms.slice(0, middle))} || ${anyOf(terms.slice(middle))})`;
}

const longestFlat = 16;

export function allOf(terms: readonly string[]): string {
  const said = terms.filter((term) => term !== 'true');
  return said.length === 0 ? 'true' : said.join(' && ');
}

/** Escapes of the Cedar grammar; every character outside printable ASCII by its number. */
function escape(text: string): string {
  let out = '';
  for (const character of text) {
    const code = character.codePointAt(0) ?? 0;
    if (character === '"' || character === '\\') out += `\\${character}`;
    else if (code >= 0x20 && code < 0x7f) out += character;
    else out += `\\u{${code.toString(16)}}`;
  }
  return out;
}
