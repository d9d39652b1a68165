import { randomFillSync } from 'node:crypto';

const pageBytes = 4096;

/** Random bytes from a stock that is filled a page at a time: asking the generator costs more than the bytes. None is given twice. */
export function randomPool(): (bytes: number) => Uint8Array {
  let page = Buffer.alloc(0);
  let at = 0;
  return (bytes) => {
    if (at + bytes > page.length) {
      page = randomFillSync(Buffer.alloc(Math.max(pageBytes, bytes)));
      at = 0;
    }
    at += bytes;
    return page.subarray(at - bytes, at);
  };
}
