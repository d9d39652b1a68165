import { describe, expect, test } from '@jest/globals';
import { openSuite, runAll, suiteFiles } from '#test/fakes/run-suites.ts';

/** The reference as data: what another engine could run unchanged. */
describe.each(suiteFiles('test/cases'))('%s', (file) => {
  test('every case falls as the reference says', async () => {
    const results = await runAll(openSuite(file));
    expect(
      results.filter(({ ok }) => !ok).map(({ case: name, expected, actual }) => ({ name, expected, actual })),
    ).toEqual([]);
    expect(results.length).toBeGreaterThan(0);
  });
});
