/** How values of lists compare, each written as the regular expression it stands for. */

function quote(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/]/g, '\\$&');
}

function whole(pattern: string): RegExp {
  return new RegExp(`^(?:${pattern})$`, 's');
}

/** `*` first, then a leading `*`, then a trailing one; any other is literal. `*` wants something there, be it empty for headers. */
export function matchesText(value: string, text: string, presenceTakesEmpty = false): boolean {
  if (value === '*') return presenceTakesEmpty || text !== '';
  if (value.startsWith('*')) return whole(`.*${quote(value.slice(1))}`).test(text);
  if (value.endsWith('*')) return whole(`${quote(value.slice(0, -1))}.*`).test(text);
  return text === value;
}

export function matchesNamespace(value: string, namespace: string): boolean {
  return namespace !== '' && whole(value.split('*').map(quote).join('.*')).test(namespace);
}

export function matchesTemplate(value: string, path: string, wide: boolean): boolean {
  const one = wide ? '[^/]' : "[A-Za-z0-9\\-._~%!$&'()*+,;=:@]";
  const any = wide ? '[^]' : "[A-Za-z0-9\\-._~%!$&'()*+,;=:@/]";
  const pattern = value
    .split(/(\{\*\*?\})/)
    .map((part) => (part === '{*}' ? `${one}+` : part === '{**}' ? `${any}*` : quote(part)))
    .join('');
  return whole(pattern).test(path) && (wide || whole(`${any}*`).test(path));
}

export function matchesPath(value: string, path: string, wide: boolean): boolean {
  return /\{\*\*?\}/.test(value) ? matchesTemplate(value, path, wide) : matchesText(value, path);
}

/** The eight forms of a request principal. */
export function matchesRequestPrincipal(value: string, issuer: string, subject: string): boolean {
  if (issuer === '' || subject === '') return false;
  if (value === '*') return true;
  const slash = value.lastIndexOf('/');
  if (slash < 0) {
    if (value.startsWith('*')) return subject.endsWith(value.slice(1));
    return value.endsWith('*') && issuer.startsWith(value.slice(0, -1));
  }
  const [left, right] = [value.slice(0, slash), value.slice(slash + 1)];
  if (left.startsWith('*')) return issuer.endsWith(left.slice(1)) && subject === right;
  if (right.endsWith('*')) return issuer === left && subject.startsWith(right.slice(0, -1));
  return issuer === left && subject === right;
}

/** An address as one large number. */
export interface PlainAddress {
  family: 4 | 6;
  bits: bigint;
}

export function plainAddress(bytes: readonly number[], mapped: boolean): PlainAddress {
  const bits = bytes.reduce((sum, byte) => sum * 256n + BigInt(byte), 0n);
  if (bytes.length === 4) return { family: 4, bits };
  if (mapped && bits >> 32n === 0xffffn) return { family: 4, bits: bits & 0xffff_ffffn };
  return { family: 6, bits };
}

export function inBlock(block: string, address: PlainAddress, mapped: boolean): boolean {
  const [text = '', length] = block.split('/');
  let { family, bits } = plainAddress(bytesOf(text), false);
  let width = family === 4 ? 32 : 128;
  let prefix = length === undefined ? width : Number(length);
  if (mapped && family === 6 && prefix >= 96 && bits >> 32n === 0xffffn) {
    family = 4;
    bits &= 0xffff_ffffn;
    width = 32;
    prefix -= 96;
  }
  const shift = BigInt(width - prefix);
  return family === address.family && bits >> shift === address.bits >> shift;
}

export function bytesOf(text: string): number[] {
  if (!text.includes(':')) return text.split('.').map(Number);
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const groups =
    dotted === null
      ? text
      : text.replace(
          dotted[0],
          dotted
            .slice(1)
            .reduce((out, byte, i) => out + (i === 2 ? ':' : '') + Number(byte).toString(16).padStart(2, '0'), ''),
        );
  const [head = '', tail] = groups.split('::');
  const read = (half: string): number[] =>
    half === '' ? [] : half.split(':').flatMap((g) => [parseInt(g, 16) >> 8, parseInt(g, 16) & 255]);
  const [left, right] = [read(head), read(tail ?? '')];
  return tail === undefined
    ? left
    : [...left, ...Array.from({ length: 16 - left.length - right.length }, () => 0), ...right];
}

/** A to Z made small, letter by letter; every other character stays as it is. */
export function small(text: string): string {
  return Array.from(text, (letter) => (letter >= 'A' && letter <= 'Z' ? letter.toLowerCase() : letter)).join('');
}
