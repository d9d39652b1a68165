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

/** Names and values longer than this are checked each time they come. */
const memorable = 256;

/**
 * Remembers for each name in order the last value in order that came with it: clients repeat themselves, and a header that is
 * known need not be looked at again. Bounded.
 */
export class HeaderScanner {
  readonly #known = new Map<string, string>();

  scan(headers: StringMap, host: string | undefined): HeaderScan {
    let odd = false;
    let fault: string | undefined;
    for (const [name, value] of headers) {
      const known = this.#known.get(name);
      if (known !== value) {
        if (forbidden.test(value)) fault = `header \`${name}\` has NUL, CR or LF in its value`;
        else if (known !== undefined || isOrdinary(name)) this.#remember(name, value);
        if (known === undefined && !isOrdinary(name)) {
          if (isToken(name)) odd = true;
          else if (!pseudo.has(name)) fault = 'a header name is no token';
        }
      }
      if (name.length === 4 && name === 'host' && host !== undefined && value !== host && !sameHost(value, host)) {
        fault = 'two different hosts are named';
      }
    }
    if (fault !== undefined) return { fault, odd };
    return odd ? oddNames : clean;
  }

  #remember(name: string, value: string): void {
    if (name.length > memorable || value.length > memorable) return;
    if (this.#known.size >= 4096) this.#known.clear();
    this.#known.set(name, value);
  }
}

const forbidden = /[\0\n\r]/;

function sameHost(a: string, b: string): boolean {
  return a.trim().toLowerCase() === b.toLowerCase();
}

function isOrdinary(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (tokenCharacters[name.charCodeAt(at)] !== 1) return false;
  return name !== '';
}
