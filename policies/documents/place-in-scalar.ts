import type { Place, ScalarNode } from '#schema/index.ts';

/**
 * The place of a character of a scalar's value, where the text shows it as it is: in a literal block, or in one line
 * without escapes. Elsewhere the place of the scalar itself.
 */
export function placeInScalar(node: ScalarNode, index: number): Place {
  const { source, offset, text } = node;
  const raw = source.text;
  if (raw[offset] === '|') return placeInBlock(node, index) ?? node.place;
  const start = raw[offset] === '"' || raw[offset] === "'" ? offset + 1 : offset;
  return raw.startsWith(text.slice(0, index), start) ? source.place(start + index) : node.place;
}

function placeInBlock({ source, offset, text }: ScalarNode, index: number): Place | undefined {
  const before = text.slice(0, index).split('\n');
  const line = text.split('\n')[before.length - 1] ?? '';
  const start = source.place(offset);
  const lines = source.text.slice(offset).split('\n', before.length + 1);
  const written = lines[before.length]?.replace(/\r$/, '');
  if (written?.endsWith(line) !== true) return undefined;
  const column = written.length - line.length + (before.at(-1)?.length ?? 0) + 1;
  return { file: start.file, line: start.line + before.length, column };
}
