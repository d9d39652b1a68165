import { describe, expect, test } from '@jest/globals';
import type { Authority } from '#services/ca/authority/authorities.ts';
import { dueStep } from '#services/ca/authority/keep-authorities.ts';
import type { AuthorityState } from '#services/ca/ledger/port.ts';

const day = 86_400_000;
const begin = Date.parse('2030-01-01T00:00:00Z');
const at = (days: number): Date => new Date(begin + days * day);

/** An authority by the lives of its root and of its intermediate, in days from the beginning. */
function authority(id: string, state: AuthorityState, rootDays = 3650, issuingDays = 365): Authority {
  const validity = (days: number) => ({ validity: { notBefore: at(0), notAfter: at(days) } });
  return { id, state, since: at(0), root: validity(rootDays), issuing: validity(issuingDays) } as unknown as Authority;
}

const due = (days: number, ...all: Authority[]): string => {
  const step = dueStep(all, at(days));
  return step === undefined ? 'nothing' : `${step.step} ${step.authority.id}`;
};

describe('age asks for', () => {
  const active = authority('a', 'active', 3650, 3650);

  test('a new intermediate when a third of its life is left', () => {
    expect(due(243, authority('a', 'active'))).toBe('nothing');
    expect(due(244, authority('a', 'active'))).toBe('renew-issuing a');
  });

  test('no new intermediate where the root itself ends', () => {
    expect(due(3600, active)).toBe('nothing');
  });

  test('the next root thirty days before the end, and for it to sign seven days before', () => {
    const next = authority('b', 'prepared', 7000);
    expect(due(3619, active)).toBe('nothing');
    expect(due(3620, active)).toBe('prepare a');
    expect(due(3642, active, next)).toBe('nothing');
    expect(due(3643, active, next)).toBe('activate b');
  });

  test('nothing of what somebody has prepared a moment ago, and is about to activate', () => {
    const next = { ...authority('b', 'prepared', 7000), since: at(3643) };
    expect(due(3643, active, next)).toBe('nothing');
    expect(due(3643 + 1 / 1440, active, next)).toBe('activate b');
  });

  test('the same of a short life, in its halves and sixths', () => {
    const short = authority('a', 'active', 6, 6);
    const next = authority('b', 'prepared', 12);
    expect(due(2.9, short)).toBe('nothing');
    expect(due(3, short)).toBe('prepare a');
    expect(due(4.9, short, next)).toBe('nothing');
    expect(due(5, short, next)).toBe('activate b');
  });

  describe('where the root’s key is elsewhere,', () => {
    const away = (days: number, all: Authority[], shared = false): string => {
      const step = dueStep(all, at(days), { kind: 'own', leafMs: 7 * day, shared }, true);
      return step === undefined ? 'nothing' : `${step.step} ${step.authority.id}`;
    };

    test('somebody to replace the root ninety days before its end, or in half of a short life: no root is prepared', () => {
      expect([3559, 3560, 3649, 3700].map((days) => away(days, [active]))).toEqual([
        'nothing',
        ...Array.from({ length: 3 }, () => 'replace-root a'),
      ]);
      const short = authority('a', 'active', 6, 6);
      expect([2.9, 3, 5.9].map((days) => away(days, [short]))).toEqual(['nothing', 'replace-root a', 'replace-root a']);
    });

    test('the intermediate first, which ends first', () => {
      expect(away(320, [authority('a', 'active', 400)])).toBe('renew-issuing a');
      expect(away(3600, [authority('a', 'active', 3650, 3640)])).toBe('renew-issuing a');
    });

    test('what somebody prepared to be activated, and nothing more', () => {
      const next = authority('b', 'prepared', 7000);
      expect(away(3620, [active, next])).toBe('nothing');
      expect(away(3643, [active, next])).toBe('activate b');
    });

    test('no word before the others who write the same ledger had their time', () => {
      expect(away(3619, [active], true)).toBe('nothing');
      expect(away(3620, [active], true)).toBe('replace-root a');
    });
  });

  test('an old root to go a day after its end', () => {
    const active = authority('b', 'active', 9000, 9000);
    expect(due(10.9, authority('a', 'old', 10), active)).toBe('nothing');
    expect(due(11.1, authority('a', 'old', 10), active)).toBe('revoke-expired a');
    expect(due(11.1, authority('a', 'revoked', 10), active)).toBe('nothing');
  });
});
