import { readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';

const root = join(import.meta.dirname, '../..');
const rooms = ['bin', 'proto', 'schema', 'ca', 'policies', 'services', 'identity', 'cli', 'test', 'examples'];
const vague = /^(utils?|helpers?|common|misc|shared|lib|core|types|managers?|stuff)$/;

const sources = rooms
  .flatMap((room) => list(room))
  .filter((path) => /\.(ts|js)$/.test(path) && !path.startsWith('proto/gen/'));

function list(folder: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1));
}

describe('every source file', () => {
  test('is seen', () => {
    expect(sources.length).toBeGreaterThan(50);
  });

  test('has at most 400 lines', () => {
    const long = sources.filter((path) => readFileSync(join(root, path), 'utf8').split('\n').length > 401);
    expect(long).toEqual([]);
  });

  test('is named in kebab-case, by what it is', () => {
    const odd = sources.filter((path) => {
      const stem = basename(path).replace(/(\.test|\.bench|\.config|\.d)?\.(ts|js)$/, '');
      return !/^[a-z0-9]+(-[a-z0-9]+)*$/.test(stem) || vague.test(stem);
    });
    expect(odd).toEqual([]);
  });

  test('lives in a folder with an honest name, at most three below its room', () => {
    const odd = sources.filter((path) => {
      const folders = dirname(path).split('/');
      return folders.length > 4 || folders.some((name) => vague.test(name));
    });
    expect(odd).toEqual([]);
  });
});
