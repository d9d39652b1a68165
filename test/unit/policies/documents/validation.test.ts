import { describe, expect, test } from '@jest/globals';
import { openSuite, runAll, suiteFiles } from '#test/fakes/run-suites.ts';

const files = suiteFiles('policies/library/cases/validation');

test('the tables are seen', () => {
  expect(files.length).toBeGreaterThanOrEqual(8);
});

describe.each(files)('%s', (file) => {
  test('says of every document what its case expects', async () => {
    const results = await runAll(openSuite(file));
    expect(results.length).toBeGreaterThan(10);
    const wrong = results.filter((result) => !result.ok);
    expect(wrong.map(({ case: name, differences, actual }) => ({ name, differences, actual }))).toEqual([]);
  });

  test('has both documents that are good and documents that are not', async () => {
    const results = await runAll(openSuite(file));
    const valid = new Set(results.map(({ actual }) => (actual as { valid: boolean }).valid));
    expect([...valid].sort()).toEqual([false, true]);
  });
});
