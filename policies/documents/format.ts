import { isMap, isScalar, isSeq, Lexer, parseAllDocuments } from 'yaml';
import type { Document, Pair, YAMLMap } from 'yaml';
import { GarrisonError } from '#proto/errors/index.ts';
import { readYaml, toData } from '#schema/index.ts';
import type { Fault, JsonSchema } from '#schema/index.ts';
import { knownKinds } from './kinds.ts';
import { defaultMesh } from './mesh.ts';

export type Formatted = { readonly text: string } | { readonly faults: readonly Fault[] };

/**
 * The documents of a text in one layout: keys in the order of their declaration, two spaces of indentation, comments kept.
 * What the documents say is the same before and after; that is checked, not hoped.
 */
export function formatDocuments(text: string, file: string): Formatted {
  const { documents, faults } = readYaml(text, file);
  if (faults.length > 0) return { faults };
  if (documents.length === 0) return { text };
  const written = print(text);
  const again = readYaml(written, file);
  if (canonical(again.documents.map(toData)) === canonical(documents.map(toData))) return { text: written };
  throw new GarrisonError('INTERNAL', 'the layout of this text cannot be changed without changing what it says', {
    place: file,
    remedy: 'leave it as it is, and report it with the file',
  });
}

function print(text: string): string {
  const parsed = parseAllDocuments(text, { schema: 'failsafe', uniqueKeys: false, prettyErrors: false });
  const documents = Array.isArray(parsed) ? parsed : [];
  return closeLists(documents.map(printDocument).join(''));
}

function printDocument(document: Document.Parsed, index: number): string {
  // The marker stands between documents and nowhere else.
  const marker = index > 0 ? '---\n' : '';
  const contents: unknown = document.contents;
  if (isMap(contents)) {
    const kind: unknown = contents.get('kind');
    const known = knownKinds(defaultMesh).find((candidate) => candidate.kind === kind);
    if (known !== undefined) sortDocument(contents, known.shape.schema);
  }
  const text = document.toString({ indent: 2, lineWidth: 120, minContentWidth: 60 });
  return marker + text.replace(/^---[ ]*\n/, '').replace(/^\n+/, '');
}

/** What stands above the first key is about the document. */
function sortDocument(document: YAMLMap, schema: JsonSchema): void {
  const was = document.items[0]?.key;
  sortKeys(document, schema);
  const is = document.items[0]?.key;
  if (was === is || !isScalar(was) || !isScalar(is) || typeof was.commentBefore !== 'string') return;
  is.commentBefore = [was.commentBefore, is.commentBefore].filter((text) => typeof text === 'string').join('\n');
  delete was.commentBefore;
}

/** `[a]` rather than `[ a ]`, which is how the printer puts it. Read by tokens, so that no scalar is touched. */
function closeLists(text: string): string {
  const marks = ['\u0002', '\u0018', '\u001f'];
  const tokens = [...new Lexer().lex(text)].filter((token) => !marks.includes(token));
  return tokens
    .filter((token, at) => {
      if (!/^ +$/.test(token)) return true;
      const atLineStart = tokens[at - 1]?.endsWith('\n') === true;
      return tokens[at - 1] !== '[' && (atLineStart || tokens[at + 1] !== ']');
    })
    .join('');
}

/** Keys in the order the schema declares them; those it does not know stay behind the others, as they were. */
function sortKeys(map: YAMLMap, schema: JsonSchema): void {
  const properties = objectOf(schema['properties']);
  if (properties === undefined) return;
  const names = Object.keys(properties);
  const rank = (pair: Pair): number => {
    const at = names.indexOf(keyOf(pair));
    return at === -1 ? names.length : at;
  };
  map.items = map.items.toSorted((a, b) => rank(a) - rank(b));
  for (const pair of map.items) {
    const below = objectOf(properties[keyOf(pair)]);
    if (below !== undefined) sortBelow(pair.value, below);
  }
}

function sortBelow(value: unknown, schema: JsonSchema): void {
  if (isMap(value)) sortKeys(value, schema);
  const items = objectOf(schema['items']);
  if (isSeq(value) && items !== undefined) for (const item of value.items) sortBelow(item, items);
}

function keyOf(pair: Pair): string {
  return isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : '';
}

function objectOf(value: unknown): Readonly<Record<string, unknown>> | undefined {
  return typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : undefined;
}

function canonical(value: unknown): string {
  return JSON.stringify(value, (_key, each: unknown) => {
    if (typeof each === 'bigint') return `${each}n`;
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  });
}
