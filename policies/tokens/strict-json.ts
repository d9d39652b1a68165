/** Deeper than any claim a person would write. */
const maxDepth = 64;

/**
 * Reads a JSON object that has one reading only: duplicate member names are refused (readers differ in which they take),
 * as is nesting without end. Returns what is wrong as text.
 */
export function readStrictJson(bytes: Uint8Array): Readonly<Record<string, unknown>> | string {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return 'is not UTF-8';
  }
  const fault = findFault(text);
  if (fault !== undefined) return fault;
  try {
    value = JSON.parse(text);
  } catch {
    return 'is not JSON';
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return 'is no JSON object';
  return value as Record<string, unknown>;
}

/** One pass: the names of each open object, and how many are open. Whether it is JSON at all, the parser says. */
function findFault(text: string): string | undefined {
  const open: (Set<string> | undefined)[] = [];
  for (let at = 0; at < text.length; at++) {
    const letter = text.charAt(at);
    if (letter === '{' || letter === '[') {
      open.push(letter === '{' ? new Set() : undefined);
      if (open.length > maxDepth) return 'is nested too deeply';
    } else if (letter === '}' || letter === ']') {
      open.pop();
    } else if (letter === '"') {
      const end = endOfString(text, at);
      const names = open.at(-1);
      if (names !== undefined && isName(text, end)) {
        const name = unescape(text.slice(at, end));
        if (names.has(name)) return 'has a duplicate member name';
        names.add(name);
      }
      at = end - 1;
    }
  }
  return undefined;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charAt(at) !== '"') at += text.charAt(at) === '\\' ? 2 : 1;
  return at + 1;
}

function isName(text: string, after: number): boolean {
  let at = after;
  while (at < text.length && ' \t\n\r'.includes(text.charAt(at))) at++;
  return text.charAt(at) === ':';
}

/** Two spellings of one name are one name. */
function unescape(literal: string): string {
  try {
    return String(JSON.parse(literal));
  } catch {
    return literal;
  }
}
