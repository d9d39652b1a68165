import type { Duplex } from 'node:stream';
import { pump } from './pump.ts';

export interface Relayed {
  /** Bytes from the first to the second. */
  readonly forth: number;
  readonly back: number;
}

/** Joins two connections until both directions have ended; each direction may end on its own. A break ends both. */
export async function relay(first: Duplex, second: Duplex): Promise<Relayed> {
  let forth = 0;
  let back = 0;
  const ignore = (): void => undefined;
  first.on('error', ignore);
  second.on('error', ignore);
  const way = async (from: Duplex, to: Duplex, count: (n: number) => void): Promise<void> => {
    try {
      await pump(from, to, count);
      to.end();
    } catch {
      from.destroy();
      to.destroy();
    }
  };
  await Promise.all([way(first, second, (n) => (forth += n)), way(second, first, (n) => (back += n))]);
  return { forth, back };
}
