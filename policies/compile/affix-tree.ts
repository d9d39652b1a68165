/**
 * A radix tree over prefixes, or over suffixes when it reads backwards.
 * A walk visits every stored affix of a text in one pass over the text, whatever the number of affixes: no text makes it backtrack.
 */
class TreeNode<T> {
  label: string;
  value: T | undefined;
  children: (TreeNode<T> | undefined)[] | undefined;
  /** Character of the first place in `children`, where they stand by character; else -1. */
  base: number;
  constructor(label: string, value: T | undefined) {
    this.label = label;
    this.value = value;
    this.children = undefined;
    this.base = -1;
  }
}

export interface Visitor<T> {
  visit(value: T): void;
}

/** Up to this many children are looked at one by one; more stand by character. */
const FEW = 4;
/** Characters further apart than this do not share one row of children. */
const WIDE = 256;

export class AffixTree<T> {
  readonly #root = new TreeNode<T>('', undefined);
  readonly #backwards: boolean;

  constructor(direction: 'prefix' | 'suffix') {
    this.#backwards = direction === 'suffix';
  }

  /** The value stored for exactly this affix, made by `create` when there is none. */
  upsert(affix: string, create: () => T): T {
    const text = this.#backwards ? reverse(affix) : affix;
    let node = this.#root;
    let at = 0;
    while (at < text.length) {
      const child = childOf(node, text.charCodeAt(at));
      if (child === undefined) {
        const leaf = new TreeNode<T>(text.slice(at), undefined);
        addChild(node, leaf);
        return (leaf.value = create());
      }
      const shared = sharedLength(child.label, text, at);
      if (shared < child.label.length) split(child, shared);
      at += shared;
      node = child;
    }
    return (node.value ??= create());
  }

  /** Every stored affix of the text, shortest first. */
  walk(text: string, visitor: Visitor<T>): void {
    const length = text.length;
    let node: TreeNode<T> | undefined = this.#root;
    let at = 0;
    for (;;) {
      if (node.value !== undefined) visitor.visit(node.value);
      if (at >= length || node.children === undefined) return;
      node = childOf(node, text.charCodeAt(this.#backwards ? length - 1 - at : at));
      if (node === undefined) return;
      const label = node.label;
      if (at + label.length > length) return;
      for (let i = 1; i < label.length; i++) {
        const code = text.charCodeAt(this.#backwards ? length - 1 - at - i : at + i);
        if (label.charCodeAt(i) !== code) return;
      }
      at += label.length;
    }
  }

  /** Whether any stored affix is one of the text. */
  hits(text: string): boolean {
    const length = text.length;
    let node: TreeNode<T> | undefined = this.#root;
    let at = 0;
    for (;;) {
      if (node.value !== undefined) return true;
      if (at >= length) return false;
      node = childOf(node, text.charCodeAt(this.#backwards ? length - 1 - at : at));
      if (node === undefined) return false;
      const label = node.label;
      if (at + label.length > length) return false;
      for (let i = 1; i < label.length; i++) {
        const code = text.charCodeAt(this.#backwards ? length - 1 - at - i : at + i);
        if (label.charCodeAt(i) !== code) return false;
      }
      at += label.length;
    }
  }

  *values(): Generator<T> {
    const open: TreeNode<T>[] = [this.#root];
    for (let node = open.pop(); node !== undefined; node = open.pop()) {
      if (node.value !== undefined) yield node.value;
      for (const child of node.children ?? []) if (child !== undefined) open.push(child);
    }
  }
}

function childOf<T>(node: TreeNode<T>, code: number): TreeNode<T> | undefined {
  const children = node.children;
  if (children === undefined) return undefined;
  if (node.base >= 0) return children[code - node.base];
  for (const child of children) if (child?.label.charCodeAt(0) === code) return child;
  return undefined;
}

function addChild<T>(node: TreeNode<T>, child: TreeNode<T>): void {
  if (node.children === undefined) {
    node.children = [child];
    return;
  }
  if (node.base < 0 && node.children.length < FEW) {
    node.children.push(child);
    return;
  }
  const all = [...node.children.filter((known) => known !== undefined), child];
  const codes = all.map((known) => known.label.charCodeAt(0));
  const base = Math.min(...codes);
  const span = Math.max(...codes) - base + 1;
  if (span > WIDE) {
    // Few texts are this mixed; a look at each child still ends after one per character there is.
    node.base = -1;
    node.children = all;
    return;
  }
  const dense: (TreeNode<T> | undefined)[] = Array.from({ length: span }, () => undefined);
  for (const known of all) dense[known.label.charCodeAt(0) - base] = known;
  node.base = base;
  node.children = dense;
}

/** Cuts a node's label in two; what it held moves to the lower half. */
function split<T>(node: TreeNode<T>, at: number): void {
  const lower = new TreeNode<T>(node.label.slice(at), node.value);
  lower.children = node.children;
  lower.base = node.base;
  node.base = -1;
  node.label = node.label.slice(0, at);
  node.value = undefined;
  node.children = [lower];
}

function sharedLength(label: string, text: string, at: number): number {
  const end = Math.min(label.length, text.length - at);
  let i = 0;
  while (i < end && label.charCodeAt(i) === text.charCodeAt(at + i)) i++;
  return i;
}

function reverse(text: string): string {
  let out = '';
  for (let i = text.length - 1; i >= 0; i--) out += text.charAt(i);
  return out;
}
