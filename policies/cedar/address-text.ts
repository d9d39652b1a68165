import type { Address, Block } from '../compile/address.ts';

/** An address as Cedar's `ip` reads it: no dotted quads inside IPv6. */
export function addressText({ family, words }: Address): string {
  if (family === 4) return quad(words[0] ?? 0);
  return words.flatMap((word) => [(word >>> 16).toString(16), (word & 0xffff).toString(16)]).join(':');
}

export function blockText(block: Block): string {
  return `${addressText(block)}/${block.bits}`;
}

function quad(word: number): string {
  return [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255].join('.');
}
