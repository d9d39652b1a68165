import { describe, expect, test } from '@jest/globals';
import { pastAnswer } from '#cli/policy/past-providers.ts';

const record = { sequence: 1, time: '2026-01-01T00:00:00Z', revision: 3 };
const denied = (policy: string, reason: string) => ({ ...record, effect: 'deny', policy, reason });
const risk = { name: 'risk', policy: 'shop/risk' };
const quota = { name: 'quota', policy: 'shop/quota' };

describe('what a provider said of a past decision', () => {
  test('its refusal, and that another was not in the way', () => {
    const refused = denied(
      'shop/risk',
      'denied by rule 0 of shop/risk: provider `risk` refused: it did not answer in time',
    );
    expect(pastAnswer(refused, risk)).toBe('deny');
    expect(pastAnswer(refused, quota)).toBe('allow');
  });

  test('nothing, where it gave no answer', () => {
    const silent = denied('shop/risk', 'denied by rule 0 of shop/risk: provider `risk` is unknown or did not answer');
    expect(pastAnswer(silent, risk)).toBeUndefined();
    expect(
      pastAnswer(denied('shop/risk', 'more than one provider is in force for the workload'), risk),
    ).toBeUndefined();
  });

  test('yes, where the decision came past it', () => {
    expect(pastAnswer({ ...record, effect: 'allow', policy: 'shop/all' }, risk)).toBe('allow');
    expect(pastAnswer(denied('shop/closed', 'denied by rule 0 of shop/closed'), risk)).toBe('allow');
    expect(pastAnswer(denied('none', 'no ALLOW policy matched'), risk)).toBe('allow');
  });

  test('nothing, where nobody decided', () => {
    expect(pastAnswer({ ...record, effect: 'allow', failOpen: true }, risk)).toBeUndefined();
    expect(
      pastAnswer(
        { ...record, effect: 'deny', revision: 0, reason: 'the authorization service cannot be reached' },
        risk,
      ),
    ).toBeUndefined();
    expect(pastAnswer(denied('none', 'error while deciding: attribute `x` is not a string'), risk)).toBeUndefined();
  });
});
