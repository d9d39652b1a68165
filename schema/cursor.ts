/** Thrown by the quick reader at anything it would not vouch for: the general reader then reads the document instead. */
export class Unsure extends Error {
  readonly offset: number;

  constructor(offset: number) {
    super('not in the quick subset');
    this.offset = offset;
  }
}

export const code = {
  tab: 0x09,
  newline: 0x0a,
  space: 0x20,
  quote: 0x22,
  hash: 0x23,
  apostrophe: 0x27,
  comma: 0x2c,
  dash: 0x2d,
  colon: 0x3a,
  openList: 0x5b,
  backslash: 0x5c,
  closeList: 0x5d,
  bar: 0x7c,
  openMap: 0x7b,
  closeMap: 0x7d,
} as const;

/** Where the quick reader is in its part of the text. Past the end every character is a line end. */
export class Cursor {
  readonly text: string;
  readonly end: number;
  at: number;

  constructor(text: string, at: number, end: number) {
    this.text = text;
    this.at = at;
    this.end = end;
  }

  get current(): number {
    return this.peek(0);
  }

  peek(ahead: number): number {
    const at = this.at + ahead;
    return at < this.end ? this.text.charCodeAt(at) : code.newline;
  }

  skipSpaces(): void {
    while (this.at < this.end && this.text.charCodeAt(this.at) === code.space) this.at += 1;
  }

  /** The offset of the line's end. */
  lineEnd(): number {
    const found = this.text.indexOf('\n', this.at);
    return found === -1 || found > this.end ? this.end : found;
  }

  unsure(): never {
    throw new Unsure(this.at);
  }
}

export function isSpaceOrEnd(character: number): boolean {
  return character === code.space || character === code.newline || character === code.tab;
}

/** `,` `[` `]` `{` `}` */
export function isFlowIndicator(character: number): boolean {
  return (
    character === code.comma ||
    character === code.openList ||
    character === code.closeList ||
    character === code.openMap ||
    character === code.closeMap
  );
}
