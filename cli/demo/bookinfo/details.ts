import { json, productId } from './service.ts';
import type { Service } from './service.ts';

export const details: Service = (asked) => {
  if (asked.path === '/health') return Promise.resolve(json(200, { status: 'Details is healthy' }));
  const id = productId(asked.path, '/details');
  if (id === undefined) return Promise.resolve(json(404, { error: 'not found' }));
  if (!/^\d+$/.test(id)) return Promise.resolve(json(400, { error: 'please provide numeric product id' }));
  return Promise.resolve(
    json(200, {
      id: Number(id),
      author: 'William Shakespeare',
      year: 1595,
      type: 'paperback',
      pages: 200,
      publisher: 'PublisherA',
      language: 'English',
      'ISBN-10': '1234567890',
      'ISBN-13': '123-1234567890',
    }),
  );
};
