import { describe, expect, test } from '@jest/globals';
import { Narrator } from '#cli/demo/narrator.ts';

function narrator(): { narrator: Narrator; text: () => string } {
  let text = '';
  let now = 0;
  const told = new Narrator({ write: (more) => (text += more), elapsedMs: () => (now += 500) });
  return { narrator: told, text: () => text };
}

describe('the narrator', () => {
  test('numbers the steps and says which went as told', async () => {
    const { narrator: told, text } = narrator();
    await told.step('Day', (page) => {
      page.request('sun?');
      page.happened('sun');
      page.check(true, 'no sun');
      return Promise.resolve();
    });
    expect(text()).toBe('\n1. Day\n   > sun?\n   < sun\n   as told (0.5 s)\n');
    expect(told.failures).toEqual([]);
  });

  test('keeps what did not hold, also when a step ends early, and goes on', async () => {
    const { narrator: told, text } = narrator();
    await told.step('Night', (page) => {
      page.check(false, 'no moon');
      return Promise.resolve();
    });
    await told.step('Fog', () => Promise.reject(new Error('lost')));
    expect(told.failures).toEqual(['1. Night: no moon', '2. Fog: the step ended early: lost']);
    expect(text()).toContain('   ! no moon\n   NOT AS TOLD');
  });
});
