import type { StringMap } from '#proto/attributes/index.ts';

/** What one pass over the headers of a request finds. */
export interface HeaderScan {
  /** What no HTTP server should accept. */
  readonly fault: string | undefined;
  /** Some name has capitals or `_`. */
  readonly odd: boolean;
}

const clean: HeaderScan = { fault: undefined, odd: false };
const oddNames: HeaderScan = { fault: undefined, odd: true };

/** Proxies that speak HTTP/2 report these beside the headers. */
const pseudo = new Set([':method', ':path', ':authority', ':scheme', ':protocol']);

/** RFC 9110 §5.6.2: 1 = lower-case token character, 2 = one that makes a name odd. */
const tokenCharacters = new Uint8Array(128);
for (const letter of "!#$%&'*+-.^`|~0123456789abcdefghijklmnopqrstuvwxyz") tokenCharacters[letter.charCodeAt(0)] = 1;
for (const letter of '_ABCDEFGHIJKLMNOPQRSTUVWXYZ') tokenCharacters[letter.charCodeAt(0)] = 2;

export function isToken(text: string): boolean {
  for (let at = 0; at < text.length; at++) if ((tokenCharacters[text.charCodeAt(at)] ?? 0) === 0) return false;
  return text !== '';
}

/** Remembers the names found to be in order: the same few come with every request. Bounded. */
export class HeaderScanner {
  readonly #ordinary = new Set<string>();

  scan(headers: StringMap, host: string | undefined): HeaderScan {
    let odd = false;
    let fault: string | undefined;
    for (const [name, value] of headers) {
      if (!this.#ordinary.has(name)) {
        if (isOrdinary(name)) this.#remember(name);
        else if (isToken(name)) odd = true;
        else if (!pseudo.has(name)) fault = 'a header name is no token';
      }
      if (hasForbidden(value)) fault = `header \`${name}\` has NUL, CR or LF in its value`;
    }
    const named = headers.get('host');
    if (named !== undefined && host !== undefined && named.toLowerCase() !== host.toLowerCase()) {
      fault = 'two different hosts are named';
    }
    if (fault !== undefined) return { fault, odd };
    return odd ? oddNames : clean;
  }

  #remember(name: string): void {
    if (this.#ordinary.size >= 4096) this.#ordinary.clear();
    this.#ordinary.add(name);
  }
}

function isOrdinary(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (tokenCharacters[name.charCodeAt(at)] !== 1) return false;
  return name !== '';
}

const forbidden = /[\0\n\r]/;

function hasForbidden(value: string): boolean {
  // A native search pays off on longer values only.
  if (value.length > 12) return forbidden.test(value);
  for (let at = 0; at < value.length; at++) {
    const code = value.charCodeAt(at);
    if (code <= 13 && (code === 0 || code === 10 || code === 13)) return true;
  }
  return false;
}
