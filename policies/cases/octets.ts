/**
 * What travels is octets, and case files spell it so: `\xff` is the byte FF, and a character up to U+00FF is the octet of that
 * number. A character beyond stands for its UTF-8 octets. The result is a string of octets, as HTTP gives them to a program.
 */
export function octets(text: string): string {
  const unescaped = text.includes('\\x')
    ? text.replace(/\\x([0-9a-fA-F]{2})/g, (_, digits: string) => toOctet(digits))
    : text;
  // eslint-disable-next-line no-control-regex -- all octets, control characters among them
  return /^[\x00-\xff]*$/.test(unescaped) ? unescaped : unescaped.replace(/[^\x00-\xff]+/gu, encode);
}

/** Octets that are UTF-8 as the text that rules and people mean, which is how a sidecar reads them; any others as they are. */
export function octetsAsText(text: string): string {
  const raw = octets(text);
  // eslint-disable-next-line no-control-regex -- ASCII as a whole, control characters included, needs no decoding
  if (/^[\x00-\x7f]*$/.test(raw)) return raw;
  try {
    return utf8.decode(Uint8Array.from(raw, (octet) => octet.charCodeAt(0)));
  } catch {
    return raw;
  }
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function toOctet(digits: string): string {
  return String.fromCharCode(parseInt(digits, 16));
}

function encode(beyond: string): string {
  return Array.from(new TextEncoder().encode(beyond), (octet) => String.fromCharCode(octet)).join('');
}
