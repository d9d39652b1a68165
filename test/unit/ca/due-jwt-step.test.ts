import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from '@jest/globals';
import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import type { Authority } from '#services/ca/authority/authorities.ts';
import { dueJwtStep } from '#services/ca/jwt-authority/keep-jwt-keys.ts';
import type { JwtKeyState } from '#services/ca/jwt-authority/jwt-keys.ts';

const now = new Date('2030-06-01T00:00:00Z');
const day = 86_400_000;
const rules = { lifeMs: 30 * day, aheadMs: day, afterMs: 2 * day };

/** A key that came into its state so many days ago. */
function key(state: JwtKeyState['state'], days: number, withAuthority = false): JwtKeyState {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  return {
    jwtKey: jwtKeyOf(publicKey.export({ format: 'der', type: 'spki' })),
    state,
    since: new Date(now.getTime() - days * day),
    with: withAuthority ? ({} as unknown as Authority) : undefined,
  };
}

describe('what the age of keys asks for', () => {
  test.each<[string, JwtKeyState[], { step: string; of: number } | undefined]>([
    ['a young key: nothing', [key('active', 1)], undefined],
    ['an old one: another', [key('active', 29)], { step: 'prepare', of: -1 }],
    ['the one that came with an authority ages too', [key('active', 29, true)], { step: 'prepare', of: -1 }],
    ['one that is not known for long: patience', [key('active', 40), key('prepared', 0.5)], undefined],
    ['one that is known: it signs', [key('active', 30), key('prepared', 1)], { step: 'activate', of: 1 }],
    ['one that is known before its time: patience', [key('active', 10), key('prepared', 5)], undefined],
    ['one whose tokens have ended: it goes', [key('active', 3), key('old', 2)], { step: 'revoke', of: 1 }],
    ['one whose tokens may live: it stays', [key('active', 1), key('old', 1)], undefined],
    ['one of an old authority follows that', [key('active', 3), key('old', 99, true)], undefined],
    ['nothing signs: nothing to do', [], undefined],
  ])('%s', (_, keys, due) => {
    const found = dueJwtStep(keys, now, rules);
    expect(found).toEqual(due && { step: due.step, kid: keys[due.of]?.jwtKey.kid ?? '' });
  });
});
