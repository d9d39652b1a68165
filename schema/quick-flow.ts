import { code } from './cursor.ts';
import type { Cursor } from './cursor.ts';
import type { Entry, Node } from './node.ts';
import { readScalar } from './quick-scalars.ts';
import type { TreeBuilder } from './tree-builder.ts';

/** The implicit keys of YAML end within 1024 characters (§7.4.2); the general reader knows what to say of longer ones. */
export const maxKeyLength = 1000;

/** `[…]` and `{…}`, and so JSON. Lines after the first must be indented more than `parentIndent`. */
export class FlowReader {
  readonly #cursor: Cursor;
  readonly #build: TreeBuilder;
  readonly #parentIndent: number;

  constructor(cursor: Cursor, build: TreeBuilder, parentIndent: number) {
    this.#cursor = cursor;
    this.#build = build;
    this.#parentIndent = parentIndent;
  }

  read(depth: number): Node {
    const cursor = this.#cursor;
    if (cursor.current === code.openMap) return this.#readMap(depth);
    if (cursor.current === code.openList) return this.#readList(depth);
    const start = cursor.at;
    const token = readScalar(cursor, true);
    return this.#build.scalar(start, token.text, token.plain);
  }

  #readList(depth: number): Node {
    const cursor = this.#cursor;
    const start = cursor.at;
    this.#build.checkDepth(start, depth);
    const items: Node[] = [];
    cursor.at += 1;
    while (this.#skip() !== code.closeList) {
      items.push(this.read(depth + 1));
      this.#separate(code.closeList);
    }
    cursor.at += 1;
    return this.#build.list(start, items);
  }

  #readMap(depth: number): Node {
    const cursor = this.#cursor;
    const start = cursor.at;
    this.#build.checkDepth(start, depth);
    const entries: Entry[] = [];
    cursor.at += 1;
    while (this.#skip() !== code.closeMap) {
      const keyOffset = cursor.at;
      const key = readScalar(cursor, true).text;
      if (key.length > maxKeyLength) cursor.unsure();
      cursor.skipSpaces();
      if (cursor.current !== code.colon) cursor.unsure();
      cursor.at += 1;
      const afterColon = cursor.at;
      this.#skip();
      const absent = cursor.current === code.comma || cursor.current === code.closeMap;
      const value = absent ? this.#build.scalar(afterColon, '', true) : this.read(depth + 1);
      entries.push({ key, keyOffset, value });
      this.#separate(code.closeMap);
    }
    cursor.at += 1;
    return this.#build.map(start, entries);
  }

  /** A comma, or nothing before the closing bracket. */
  #separate(close: number): void {
    this.#skip();
    if (this.#cursor.current === code.comma) this.#cursor.at += 1;
    else if (this.#cursor.current !== close) this.#cursor.unsure();
  }

  /** Past spaces, comments and line ends; what follows them. */
  #skip(): number {
    const cursor = this.#cursor;
    for (;;) {
      cursor.skipSpaces();
      const character = cursor.current;
      if (character === code.hash) {
        const before = cursor.peek(-1);
        if (before !== code.space && before !== code.newline) cursor.unsure();
        cursor.at = cursor.lineEnd();
      } else if (character === code.newline) {
        if (cursor.at >= cursor.end) cursor.unsure();
        this.#nextLine();
      } else if (character === code.tab && this.#parentIndent < 0) cursor.at += 1;
      else return character;
    }
  }

  #nextLine(): void {
    const cursor = this.#cursor;
    cursor.at += 1;
    const lineStart = cursor.at;
    cursor.skipSpaces();
    if (cursor.current === code.newline || cursor.current === code.hash) return;
    if (cursor.at - lineStart <= this.#parentIndent) cursor.unsure();
  }
}
