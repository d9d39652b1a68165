import { startsVersion2 } from './proxy-protocol/version-2.ts';

export type Wire = 'http1' | 'h2' | 'tcp';

const preface = 'PRI * HTTP/2.0';

/** Servers skip empty lines before a request (RFC 9112 §2.2), lenient ones any white space; nobody needs this much of it. */
const mostBlanks = 4096;

/** What some server or other takes for white space in a request line (RFC 9112 §3): its separators, and before its first word. */
const blank = '\\t\\v\\f \\x1c-\\x1f\\x85\\xa0';
const notBlank = new RegExp(`[^\\r\\n${blank}]`);

/**
 * A word, and what may stand between it and the next. Behind a blank that is rare in text a control character shows that none
 * of it is: LDAP begins like that. A carriage return counts where no line ends with it.
 */
const firstWord = new RegExp(
  `^[!#$%&'*+\\-.^_\`|~0-9A-Za-z]+($|[ \\t]|([${blank}]|\\r(?!\\n))($|[^\\x00-\\x08\\x0e-\\x1b]))`,
);

/**
 * What a connection speaks, by what has come of it; undefined while more must come. In doubt it is HTTP: there a reader that
 * refuses what it does not understand stands behind it, while bytes taken for TCP would pass unread.
 */
export function sniff(bytes: Buffer): Wire | undefined {
  const text = bytes.toString('latin1');
  if (text.startsWith(preface)) return 'h2';
  if (preface.startsWith(text)) return undefined;
  // Behind the sidecar somebody would believe the address in it.
  if (bytes.length >= 12 && startsVersion2(bytes)) return 'http1';
  const start = text.search(notBlank);
  if (start < 0) return text.length < mostBlanks ? undefined : 'http1';
  return firstWord.test(text.slice(start)) ? 'http1' : 'tcp';
}

/** What an application speaks that says something before its client has: a server of HTTP/2 begins with its settings. */
export function sniffServer(bytes: Buffer): Wire {
  if (bytes.subarray(0, 5).toString('latin1') === 'HTTP/') return 'http1';
  const settings = bytes.length >= 9 && bytes[3] === 4 && bytes[4] === 0 && bytes.readUInt32BE(5) === 0;
  return settings && bytes.readUIntBE(0, 3) % 6 === 0 ? 'h2' : 'tcp';
}
