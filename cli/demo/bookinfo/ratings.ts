import { json, productId } from './service.ts';
import type { Service } from './service.ts';

/** Ratings of each product, in memory; POST replaces them, as the original's local mode does. */
export function ratings(): Service {
  const stored = new Map<number, Record<string, number>>();
  return async (asked) => {
    if (asked.path === '/health') return json(200, { status: 'Ratings is healthy' });
    const text = productId(asked.path, '/ratings');
    if (text === undefined) return json(404, { error: 'not found' });
    if (!/^\d+$/.test(text)) return json(400, { error: 'please provide numeric product ID' });
    const id = Number(text);
    if (asked.method === 'POST') {
      const given = readRatings(await asked.body());
      if (given === undefined) return json(400, { error: 'please provide valid ratings JSON' });
      stored.set(id, given);
      return json(200, { id, ratings: given });
    }
    if (asked.method !== 'GET') return json(405, { error: 'method not allowed' });
    return json(200, { id, ratings: stored.get(id) ?? { Reviewer1: 5, Reviewer2: 4 } });
  };
}

function readRatings(text: string): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null) return undefined;
    const entries = Object.entries(value);
    return entries.every(([, stars]) => typeof stars === 'number') ? Object.fromEntries(entries) : undefined;
  } catch {
    return undefined;
  }
}
