import { code, Cursor, isSpaceOrEnd } from './cursor.ts';
import type { Entry, Node } from './node.ts';
import { FlowReader, maxKeyLength } from './quick-flow.ts';
import { readScalar } from './quick-scalars.ts';
import type { TreeBuilder } from './tree-builder.ts';

/**
 * Reads one document of the YAML that people write: block maps and lists, flow collections, scalars on one line, `|` texts.
 * Twenty times as fast as the general reader, and its equal on what it accepts: a property test holds that. At anything else it
 * throws Unsure, so it needs to know no error by name.
 */
export function readQuick(build: TreeBuilder, start: number, end: number): Node | undefined {
  return new BlockReader(build, start, end).readDocument();
}

class BlockReader {
  readonly #build: TreeBuilder;
  readonly #cursor: Cursor;
  #lineStart: number;
  /** Of the line of content that the cursor is at; -1 at the end of the document. */
  #indent = -1;

  constructor(build: TreeBuilder, start: number, end: number) {
    this.#build = build;
    this.#cursor = new Cursor(build.source.text, start, end);
    this.#lineStart = start;
  }

  readDocument(): Node | undefined {
    this.#toContent();
    if (this.#indent === -1) return undefined;
    const node = this.#readNode(-1, 1);
    if (this.#indent !== -1) this.#cursor.unsure();
    return node;
  }

  /** What begins at the cursor, which may be in the middle of a line: after `- `. */
  #readNode(parentIndent: number, depth: number): Node {
    const cursor = this.#cursor;
    const indent = cursor.at - this.#lineStart;
    if (this.#atDash()) return this.#readList(indent, depth);
    const start = cursor.at;
    if (isInline(cursor.current)) return this.#readInline(parentIndent, depth);
    const token = readScalar(cursor, false);
    if (this.#atKeyEnd()) return this.#readMap(indent, depth, start, token.text);
    return this.#endScalar(this.#build.scalar(start, token.text, token.plain), parentIndent);
  }

  /** A flow collection or a block scalar. */
  #readInline(parentIndent: number, depth: number): Node {
    const cursor = this.#cursor;
    if (cursor.current === code.bar) return this.#readLiteral(parentIndent);
    const node = new FlowReader(cursor, this.#build, parentIndent).read(depth);
    // The line may have changed within the brackets.
    this.#lineStart = cursor.text.lastIndexOf('\n', cursor.at - 1) + 1;
    return this.#endScalar(node, parentIndent);
  }

  #readList(indent: number, depth: number): Node {
    const cursor = this.#cursor;
    const start = cursor.at;
    this.#build.checkDepth(start, depth);
    const items: Node[] = [];
    do {
      const dash = cursor.at;
      cursor.at += 1;
      cursor.skipSpaces();
      items.push(
        this.#atLineEnd() ? this.#readBelow(indent, dash + 1, false, depth) : this.#readNode(indent, depth + 1),
      );
    } while (this.#indent === indent && this.#atDash());
    if (this.#indent > indent) cursor.unsure();
    return this.#build.list(start, items);
  }

  #readMap(indent: number, depth: number, start: number, firstKey: string): Node {
    const cursor = this.#cursor;
    this.#build.checkDepth(start, depth);
    const entries: Entry[] = [];
    let keyOffset = start;
    let key = firstKey;
    for (;;) {
      if (key.length > maxKeyLength) cursor.unsure();
      cursor.at += 1;
      entries.push({ key, keyOffset, value: this.#readValue(indent, depth) });
      if (this.#indent > indent) cursor.unsure();
      if (this.#indent < indent) return this.#build.map(start, entries);
      keyOffset = cursor.at;
      key = readScalar(cursor, false).text;
      if (!this.#atKeyEnd()) cursor.unsure();
    }
  }

  /** After `key:`. */
  #readValue(indent: number, depth: number): Node {
    const cursor = this.#cursor;
    const afterColon = cursor.at;
    cursor.skipSpaces();
    if (this.#atLineEnd()) return this.#readBelow(indent, afterColon, true, depth);
    if (isInline(cursor.current)) return this.#readInline(indent, depth + 1);
    const start = cursor.at;
    const token = readScalar(cursor, false);
    if (this.#atKeyEnd()) cursor.unsure();
    return this.#endScalar(this.#build.scalar(start, token.text, token.plain), indent);
  }

  /** What stands on the lines below an indicator; nothing, where they are not indented more. A list may stand at its key's own indent. */
  #readBelow(indent: number, absentAt: number, ofKey: boolean, depth: number): Node {
    this.#endLine();
    if (this.#indent > indent) return this.#readNode(indent, depth + 1);
    if (ofKey && this.#indent === indent && this.#atDash()) {
      return this.#readList(indent, depth + 1);
    }
    return this.#build.scalar(absentAt, '', true);
  }

  // A deeper line below a scalar carries it on, or is an error: either way not ours.
  #endScalar(node: Node, parentIndent: number): Node {
    this.#endLine();
    if (this.#indent > parentIndent) this.#cursor.unsure();
    return node;
  }

  /** `|` and `|-`, YAML 1.2.2 §8.1. */
  #readLiteral(parentIndent: number): Node {
    const cursor = this.#cursor;
    const start = cursor.at;
    const strip = cursor.peek(1) === code.dash;
    cursor.at += strip ? 2 : 1;
    cursor.skipSpaces();
    if (cursor.current !== code.newline || cursor.at >= cursor.end) cursor.unsure();
    const lines: string[] = [];
    let contentIndent = -1;
    let lastFull = 0;
    for (cursor.at += 1; cursor.at < cursor.end;) {
      const lineStart = cursor.at;
      cursor.skipSpaces();
      const indent = cursor.at - lineStart;
      const blank = cursor.current === code.newline;
      if (cursor.current === code.tab) cursor.unsure();
      if (blank && indent > Math.max(contentIndent, 0)) cursor.unsure();
      if (!blank) {
        if (contentIndent === -1) contentIndent = indent;
        if (indent < contentIndent || indent <= parentIndent) {
          cursor.at = lineStart;
          break;
        }
      }
      cursor.at = cursor.lineEnd();
      if (cursor.at >= cursor.end) cursor.unsure();
      lines.push(blank ? '' : cursor.text.slice(lineStart + contentIndent, cursor.at));
      if (!blank) lastFull = lines.length;
      cursor.at += 1;
    }
    if (lastFull === 0) cursor.unsure();
    this.#toContent();
    if (this.#indent > parentIndent) cursor.unsure();
    const text = lines.slice(0, lastFull).join('\n');
    return this.#build.scalar(start, strip ? text : `${text}\n`, false);
  }

  #atDash(): boolean {
    return this.#cursor.current === code.dash && isSpaceOrEnd(this.#cursor.peek(1));
  }

  /** Past the spaces, whether a colon ends a key here. */
  #atKeyEnd(): boolean {
    this.#cursor.skipSpaces();
    return this.#cursor.current === code.colon && isSpaceOrEnd(this.#cursor.peek(1));
  }

  #atLineEnd(): boolean {
    const cursor = this.#cursor;
    return cursor.current === code.newline || (cursor.current === code.hash && cursor.peek(-1) === code.space);
  }

  /** Past the rest of a line that must hold nothing more than a comment, to the next content. */
  #endLine(): void {
    this.#cursor.skipSpaces();
    if (!this.#atLineEnd()) this.#cursor.unsure();
    this.#cursor.at = this.#cursor.lineEnd() + 1;
    this.#toContent();
  }

  /** From the start of a line over blank lines and comments. */
  #toContent(): void {
    const cursor = this.#cursor;
    while (cursor.at < cursor.end) {
      this.#lineStart = cursor.at;
      cursor.skipSpaces();
      if (cursor.current !== code.newline && cursor.current !== code.hash) {
        if (cursor.current === code.tab) cursor.unsure();
        this.#indent = cursor.at - this.#lineStart;
        return;
      }
      cursor.at = cursor.lineEnd() + 1;
    }
    this.#indent = -1;
  }
}

function isInline(character: number): boolean {
  return character === code.openMap || character === code.openList || character === code.bar;
}
