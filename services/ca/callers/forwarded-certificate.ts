import { GarrisonError } from '#proto/errors/index.ts';

/** One element of `x-forwarded-client-cert`: what one proxy says of the certificate that it was shown. */
type ForwardedCertificate = ReadonlyMap<string, readonly string[]>;

const keys: ReadonlySet<string> = new Set(['by', 'hash', 'cert', 'chain', 'subject', 'uri', 'dns']);
const maxCharacters = 16_384;

/**
 * Reads Envoy's header: elements between commas, pairs `key=value` between semicolons, values in quotation marks where they
 * hold one of these, with `\"` and `\\` inside. What could be read in two ways is refused, for here stands who calls.
 */
export function readForwardedCertificates(header: string): readonly ForwardedCertificate[] {
  if (header.length > maxCharacters) throw refusal('is too long');
  const reader = new Reader(header);
  const elements: ForwardedCertificate[] = [];
  do elements.push(readElement(reader));
  while (reader.take(','));
  if (!reader.done) throw refusal('has something after a value');
  return elements;
}

function readElement(reader: Reader): ForwardedCertificate {
  const pairs = new Map<string, string[]>();
  reader.skipSpaces();
  do {
    const key = reader.key();
    if (!keys.has(key)) throw refusal('has a key that Envoy does not write');
    const values = pairs.get(key) ?? [];
    values.push(reader.value());
    pairs.set(key, values);
  } while (reader.take(';'));
  reader.skipSpaces();
  return pairs;
}

class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  get done(): boolean {
    return this.#at === this.#text.length;
  }

  take(letter: string): boolean {
    if (this.#text[this.#at] !== letter) return false;
    this.#at += 1;
    return true;
  }

  skipSpaces(): void {
    while (this.take(' ') || this.take('\t'));
  }

  key(): string {
    const key = this.#match(/[A-Za-z]+/y);
    if (key === '' || !this.take('=')) throw refusal('has a pair without key');
    return key.toLowerCase();
  }

  value(): string {
    if (!this.take('"')) return this.#match(/[^\s",;=\\\p{Cc}][^\s",;\\\p{Cc}]*/uy);
    const inside = this.#match(/(?:[^"\\\p{Cc}]|\\["\\])*/uy);
    if (!this.take('"')) throw refusal('has a quotation that does not end');
    return inside.replaceAll(/\\(["\\])/g, '$1');
  }

  #match(expression: RegExp): string {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text)?.[0] ?? '';
    this.#at += found.length;
    return found;
  }
}

function refusal(why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `\`x-forwarded-client-cert\` ${why}`);
}
