import { isAlias, isCollection, isMap, isScalar, parseAllDocuments } from 'yaml';
import type { Document, ParsedNode, Scalar, YAMLParseError } from 'yaml';
import type { Entry, Node } from './node.ts';
import { quoteable } from './quoteable.ts';
import { Unreadable } from './tree-builder.ts';
import type { TreeBuilder } from './tree-builder.ts';

const fixes: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: 'indent with spaces',
  BAD_INDENT: 'line the keys of one mapping up',
  MULTILINE_IMPLICIT_KEY: 'keep a key on one line, and quote a value that contains `: `',
  BAD_ALIAS: 'an anchor must come before its alias; quote a value that begins with `*`',
  BLOCK_AS_IMPLICIT_KEY: 'quote a value that contains `: `',
  DEEPER: 'line up what belongs together',
  NO_DASH: 'line the items of one list up, and what belongs to an item under its first key',
  MISSING_CHAR: 'close the quote or bracket',
};

/** Reads documents with the library, which knows all of YAML. Slow: only for what the quick reader would not vouch for. */
export function readGeneral(build: TreeBuilder, text: string, start: number): Node[] {
  const documents = parse(build, text, start);
  const nodes: Node[] = [];
  for (const document of documents) {
    // Only the first: those after it are mostly its echoes.
    const error = document.errors[0];
    if (error !== undefined) {
      const offset = start + behindRemarks(error, text);
      if (error.message.includes('call stack')) build.checkDepth(offset, Infinity);
      const indented = deeperLine(error.code, text, error.pos[0]);
      if (indented === undefined) build.fault(offset, tidy(error.message), fixFor(error));
      else build.fault(start + indented, 'indented deeper than the line above', fixes['DEEPER']);
      continue;
    }
    if (document.contents === null) continue;
    const node = new Conversion(build, start).convert(document.contents, 1);
    if (!(node.kind === 'scalar' && node.plain && node.text === '')) nodes.push(node);
  }
  return nodes;
}

/** What the library's errors are read for. */
type Complaint = Pick<YAMLParseError, 'code' | 'message' | 'pos'>;

/** Lines of nothing but a comment are no key that is out of line; the one after them is. */
function behindRemarks({ code, pos: [at] }: Complaint, text: string): number {
  if (code !== 'BAD_INDENT') return at;
  const remarks = /(?:[ \t]*(?:#.*)?\n)*/y;
  remarks.lastIndex = at;
  return at + (remarks.exec(text)?.[0].length ?? 0);
}

/** Two of the library's codes stand for several things. */
function fixFor({ code, message }: Complaint): string | undefined {
  if (message.includes('- indicator')) return fixes['NO_DASH'];
  return message.startsWith('Flow ') ? fixes['MISSING_CHAR'] : fixes[code];
}

/**
 * The library takes a key that is indented too far for the rest of the value before it, and complains there. Where that line
 * has no key of its own, the next one that says something is at fault.
 */
function deeperLine(code: string, text: string, at: number): number | undefined {
  if (code !== 'BLOCK_AS_IMPLICIT_KEY' && code !== 'MULTILINE_IMPLICIT_KEY') return undefined;
  const [first = '', ...others] = text.slice(at, at + longestLook).split('\n');
  if (/:\s|:$/.test(first) || /^["'[{&*!|>]/.test(first)) return undefined;
  let offset = at + first.length + 1;
  for (const line of others) {
    const indent = /^ */.exec(line)?.[0].length ?? 0;
    if (/^ *[^\s#].*?:(?: |$)/.test(line)) return offset + indent;
    if (line.trim() !== '' && !line.trim().startsWith('#')) return undefined;
    offset += line.length + 1;
  }
  return undefined;
}

/** Enough for a line of any document, and the next ones. */
const longestLook = 4096;

function parse(build: TreeBuilder, text: string, start: number): Document.Parsed[] {
  try {
    // `failsafe` leaves scalars as text; unique keys are ours to check, because the library compares every pair.
    const options = { schema: 'failsafe', uniqueKeys: false, prettyErrors: false, logLevel: 'silent' } as const;
    const documents = parseAllDocuments(text, options);
    return Array.isArray(documents) ? documents : [];
  } catch (error) {
    if (error instanceof RangeError) build.checkDepth(start, Infinity);
    build.fault(start, 'not readable as YAML', undefined);
    throw new Unreadable('not readable as YAML', { cause: error });
  }
}

/** The library's message in our grammar: one line, lower case, no stop. */
function tidy(message: string): string {
  const line = quoteable((message.split('\n')[0] ?? message).replace(/ at line \d+, column \d+.*$/, ''), 200);
  const first = line.slice(0, 2);
  const lowered = first === first.toUpperCase() ? line : line.charAt(0).toLowerCase() + line.slice(1);
  return lowered.replace(/[.:]+$/, '');
}

class Conversion {
  readonly #build: TreeBuilder;
  readonly #start: number;
  readonly #open = new Set<string>();
  readonly #sizes = new Map<Node, number>();
  /** By anchor: a later one of the same name takes its place (YAML 1.2.2 §7.1). */
  readonly #anchored = new Map<string, Node>();
  #aliased = 0;

  constructor(build: TreeBuilder, start: number) {
    this.#build = build;
    this.#start = start;
  }

  convert(parsed: ParsedNode, depth: number): Node {
    const offset = this.#start + parsed.range[0];
    if (isCollection(parsed)) this.#build.checkDepth(offset, depth);
    if (isAlias(parsed)) return this.#resolve(parsed.source, offset, depth);
    if (parsed.tag !== undefined && parsed.tag !== '') {
      const tag = quoteable(parsed.tag);
      this.#build.refuse(offset, `the tag \`${tag}\` is not supported`, 'write the value without a tag');
    }
    const { anchor } = parsed;
    if (anchor !== undefined) this.#open.add(anchor);
    const node = isCollection(parsed) ? this.#collection(parsed, offset, depth) : this.#scalar(parsed, offset);
    if (anchor !== undefined) {
      this.#open.delete(anchor);
      this.#anchored.set(anchor, node);
    }
    return node;
  }

  #scalar(parsed: Scalar.Parsed, offset: number): Node {
    return this.#build.scalar(offset, parsed.source, parsed.type === undefined || parsed.type === 'PLAIN');
  }

  #collection(parsed: Extract<ParsedNode, { items: unknown }>, offset: number, depth: number): Node {
    if (!isMap(parsed)) {
      const items = parsed.items.map((item) => this.convert(item, depth + 1));
      return this.#remember(this.#build.list(offset, items), items);
    }
    const entries = parsed.items.map((pair): Entry => {
      const { key, keyOffset } = this.#key(pair.key, offset);
      const value = pair.value;
      const node = value === null ? this.#build.scalar(keyOffset, '', true) : this.convert(value, depth + 1);
      return { key, keyOffset, value: node };
    });
    return this.#remember(
      this.#build.map(offset, entries),
      entries.map((entry) => entry.value),
    );
  }

  #key(key: ParsedNode | null, offset: number): { key: string; keyOffset: number } {
    if (key === null || !isScalar(key)) {
      const at = key === null ? offset : this.#start + key.range[0];
      return this.#build.refuse(at, 'a key must be a string', 'write the key as a word or a quoted string');
    }
    const keyOffset = this.#start + key.range[0];
    if (key.source === '<<' && key.type === 'PLAIN') {
      this.#build.refuse(keyOffset, 'merge keys (`<<`) are not supported', 'write the merged keys out');
    }
    return { key: key.source, keyOffset };
  }

  #remember(node: Node, children: readonly Node[]): Node {
    this.#sizes.set(
      node,
      children.reduce((total, child) => total + (this.#sizes.get(child) ?? 1), 1),
    );
    return node;
  }

  // An alias shares the node of its anchor; what walks the tree still pays for each visit, so the visits are bounded.
  #resolve(name: string, offset: number, depth: number): Node {
    const anchor = quoteable(name);
    if (this.#open.has(name)) {
      return this.#build.refuse(offset, `the alias \`${anchor}\` stands inside what it names`, 'write the value out');
    }
    const node = this.#anchored.get(name);
    if (node === undefined) {
      return this.#build.refuse(offset, `nothing is anchored as \`${anchor}\``, fixes['BAD_ALIAS']);
    }
    const size = this.#sizes.get(node) ?? 1;
    this.#aliased += size;
    if (this.#aliased > this.#build.limits.aliasNodes) {
      const most = this.#build.limits.aliasNodes;
      return this.#build.refuse(offset, `aliases stand for more than ${most} values`, 'write the values out');
    }
    this.#build.checkDepth(offset, depth + height(node));
    return node;
  }
}

function height(node: Node): number {
  if (node.kind === 'scalar') return 0;
  const children = node.kind === 'list' ? node.items : node.entries.map((entry) => entry.value);
  return children.reduce((highest, child) => Math.max(highest, height(child)), 0) + 1;
}
