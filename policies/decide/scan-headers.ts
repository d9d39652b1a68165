import type { StringMap } from '#proto/attributes/index.ts';
import { lowerCase } from './lower-case.ts';

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

/** As many places are remembered with what stood there last. */
const placesKnown = 64;

/**
 * Remembers for each name in order the last value in order that came with it: clients repeat themselves, and a header that is
 * known need not be looked at again. They also keep to an order, so that most are found without a search. Bounded.
 */
export class HeaderScanner {
  readonly #known = new Map<string, string>();
  /** By place, and in order both. */
  readonly #names: string[] = [];
  readonly #values: string[] = [];

  scan(headers: StringMap, host: string | undefined): HeaderScan {
    let odd = false;
    let fault: string | undefined;
    let place = 0;
    for (const [name, value] of headers) {
      if (this.#names[place] === name) {
        if (this.#values[place] !== value) fault = this.#lookAtValue(name, value, place) ?? fault;
      } else {
        const looked = this.#look(name, value, place);
        if (looked.fault !== undefined) fault = looked.fault;
        if (looked.odd) odd = true;
      }
      place += 1;
      if (name.length === 4 && isHost(name) && host !== undefined && value !== host && !sameHost(value, host)) {
        fault = 'two different hosts are named';
      }
    }
    if (fault !== undefined) return { fault, odd };
    return odd ? oddNames : clean;
  }

  /** Of a name that is known from this place: one that is in order, as most are whose value is another each time. */
  #lookAtValue(name: string, value: string, place: number): string | undefined {
    if (forbidden.test(value)) return forbiddenIn(name);
    if (value.length <= memorable) this.#values[place] = value;
    return undefined;
  }

  #look(name: string, value: string, place: number): HeaderScan {
    const known = this.#known.get(name);
    if (known !== value && forbidden.test(value)) {
      return { fault: forbiddenIn(name), odd: known === undefined && isOdd(name) };
    }
    if (known === undefined && !isOrdinary(name)) {
      if (isToken(name)) return oddNames;
      return pseudo.has(name) ? clean : { fault: 'a header name is no token', odd: false };
    }
    if (name.length > memorable || value.length > memorable) return clean;
    if (known !== value) {
      if (this.#known.size >= 4096) this.#known.clear();
      this.#known.set(name, value);
    }
    if (place < placesKnown) {
      this.#names[place] = name;
      this.#values[place] = value;
    }
    return clean;
  }
}

const forbidden = /[\0\n\r]/;

function forbiddenIn(name: string): string {
  return `header \`${name}\` has NUL, CR or LF in its value`;
}

/** A client of Mixer may send names with capitals. */
function isHost(name: string): boolean {
  return name === 'host' || lowerCase(name) === 'host';
}

function sameHost(a: string, b: string): boolean {
  return lowerCase(a.trim()) === lowerCase(b);
}

function isOdd(name: string): boolean {
  return !isOrdinary(name) && isToken(name);
}

function isOrdinary(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (tokenCharacters[name.charCodeAt(at)] !== 1) return false;
  return name !== '';
}
