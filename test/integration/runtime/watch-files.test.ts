import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Snapshot } from '#runtime/read-files.ts';
import { watchFiles } from '#runtime/watch-files.ts';

let root: string;
let stop: AbortController;
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'garrison-watch-'));
  stop = new AbortController();
});
afterEach(() => stop.abort());

const at = (...names: string[]): string => path.join(root, ...names);
const put = (name: string, text: string): void => writeFileSync(at(name), text);

/** Reads on until the files are these, by name below the root and text. */
async function until(watch: AsyncGenerator<Snapshot>, wanted: Record<string, string>): Promise<Snapshot> {
  for (;;) {
    const next = await watch.next();
    if (next.done === true) throw new Error('the watch ended');
    const { value } = next;
    const found = Object.fromEntries(
      value.files.map(({ name, text }) => [path.relative(root, name), Buffer.from(text).toString()]),
    );
    if (JSON.stringify(found) === JSON.stringify(wanted)) return value;
  }
}

describe.each([
  ['told by the file system', { pollMs: 60_000 }],
  ['by looking', { pollMs: 50, debounceMs: 5 }],
])('changes, %s', (_name, options) => {
  test('edits, new files, new folders, deletions; only documents', async () => {
    put('a.yaml', '1');
    put('readme.md', 'no document');
    put('.hidden.yaml', 'no');
    const watch = watchFiles([root], stop.signal, options);
    expect((await until(watch, { 'a.yaml': '1' })).faults).toEqual([]);
    put('a.yaml', '2');
    await until(watch, { 'a.yaml': '2' });
    put('b.json', '{}');
    await until(watch, { 'a.yaml': '2', 'b.json': '{}' });
    mkdirSync(at('deep/er'), { recursive: true });
    await new Promise((resolve) => setImmediate(resolve));
    put('deep/er/c.yml', '3');
    await until(watch, { 'a.yaml': '2', 'b.json': '{}', 'deep/er/c.yml': '3' });
    appendFileSync(at('deep/er/c.yml'), '4');
    await until(watch, { 'a.yaml': '2', 'b.json': '{}', 'deep/er/c.yml': '34' });
    rmSync(at('b.json'));
    rmSync(at('deep'), { recursive: true });
    await until(watch, { 'a.yaml': '2' });
  });

  test('a file replaced by a rename, as editors do', async () => {
    put('a.yaml', '1');
    const watch = watchFiles([at('a.yaml')], stop.signal, options);
    await until(watch, { 'a.yaml': '1' });
    for (const text of ['2', '3']) {
      put('.a.swap', text);
      renameSync(at('.a.swap'), at('a.yaml'));
      await until(watch, { 'a.yaml': text });
    }
  });

  test('a swapped link, as Kubernetes does with a mounted volume', async () => {
    for (const [generation, text] of [
      ['..1', 'one'],
      ['..2', 'two'],
    ] as const) {
      mkdirSync(at(generation));
      put(`${generation}/a.yaml`, text);
    }
    symlinkSync('..1', at('..data'));
    symlinkSync('..data/a.yaml', at('a.yaml'));
    const watch = watchFiles([root], stop.signal, options);
    await until(watch, { 'a.yaml': 'one' });
    symlinkSync('..2', at('..data_new'));
    renameSync(at('..data_new'), at('..data'));
    await until(watch, { 'a.yaml': 'two' });
  });

  test('a folder that goes and comes back: in between there is a fault, not an empty set', async () => {
    mkdirSync(at('policies'));
    put('policies/a.yaml', '1');
    const watch = watchFiles([at('policies')], stop.signal, options);
    await until(watch, { 'policies/a.yaml': '1' });
    rmSync(at('policies'), { recursive: true });
    const { faults } = await until(watch, {});
    expect(faults.length === 0 || faults[0]?.code === 'NOT_FOUND').toBe(true);
    if (faults.length === 0) expect((await until(watch, {})).faults).toHaveLength(1);
    mkdirSync(at('policies'));
    put('policies/a.yaml', '2');
    expect((await until(watch, { 'policies/a.yaml': '2' })).faults).toEqual([]);
  });
});

test('a folder that is moved away and replaced is watched again', async () => {
  mkdirSync(at('p'));
  put('p/a.yaml', '1');
  const watch = watchFiles([at('p')], stop.signal, { pollMs: 60_000 });
  await until(watch, { 'p/a.yaml': '1' });
  renameSync(at('p'), at('old'));
  mkdirSync(at('p'));
  put('p/a.yaml', '2');
  await until(watch, { 'p/a.yaml': '2' });
  put('p/a.yaml', '3');
  await until(watch, { 'p/a.yaml': '3' });
});

test('a path that is not there is a fault with its place; a link to a folder above ends', async () => {
  symlinkSync(root, at('loop'));
  put('a.yaml', '1');
  const watch = watchFiles([root, at('absent')], stop.signal);
  const { faults } = await until(watch, { 'a.yaml': '1' });
  expect(faults).toEqual([expect.objectContaining({ code: 'NOT_FOUND', place: at('absent') })]);
});

test('ends with its signal', async () => {
  const watch = watchFiles([root], stop.signal, { pollMs: 60_000 });
  await watch.next();
  const ended = watch.next();
  stop.abort();
  expect((await ended).done).toBe(true);
});
