import { describe, expect, test } from '@jest/globals';
import { Coverage } from '#policies/cases/index.ts';
import { openSuite, runAll, suiteFiles } from '#test/fakes/run-suites.ts';

const files = suiteFiles('policies/library/cases').filter((file) => !file.includes('/validation/'));
const nowMs = Date.parse('2026-01-01T00:00:00Z');

test('the suites are seen', () => {
  expect(files.length).toBeGreaterThan(30);
});

describe.each(files)('%s', (file) => {
  test('comes out as it says', async () => {
    const results = await runAll(openSuite(file), nowMs);
    expect(results.length).toBeGreaterThan(0);
    const wrong = results.filter((result) => !result.ok);
    expect(wrong.map(({ case: name, differences }) => ({ name, differences }))).toEqual([]);
  });
});

test('every rule of the library decides some case', async () => {
  const coverage = new Coverage();
  for (const file of files) {
    const suite = openSuite(file);
    coverage.addSuite(suite);
    for (const { decided } of await runAll(suite, nowMs)) if (decided !== undefined) coverage.addCase(suite, decided);
  }
  const library = coverage.rules.filter(({ place }) => place.file.startsWith('policies/library/documents/'));
  expect(library.length).toBeGreaterThan(20);
  expect(library.filter((rule) => !rule.covered)).toEqual([]);
});
