import { describe, expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Address } from '#runtime/address.ts';
import { AuthorityPlaces } from '#services/agent/asking/authority-places.ts';

const [a, b, c] = ['a', 'b', 'c'].map((host): Address => ({ host, port: 1 })) as [Address, Address, Address];
const nameOf = (address: Address): string => ('host' in address ? address.host : '');

describe('authorities are asked in turn', () => {
  /** Those that answer; the others are away. */
  function asking(places: AuthorityPlaces, ...there: string[]): { asked: string[]; answer: Promise<string> } {
    const asked: string[] = [];
    const answer = places.inTurn((address) => {
      const name = nameOf(address);
      asked.push(name);
      return there.includes(name)
        ? Promise.resolve(name)
        : Promise.reject(new GarrisonError('UNAVAILABLE', `${name} is away`, { remedy: 'start it' }));
    });
    return { asked, answer };
  }

  test('the one that answered last is asked first', async () => {
    const places = new AuthorityPlaces([a, b, c]);
    const first = asking(places, 'b', 'c');
    expect([await first.answer, first.asked]).toEqual(['b', ['a', 'b']]);
    const second = asking(places, 'a', 'b', 'c');
    expect([await second.answer, second.asked]).toEqual(['b', ['b']]);
    const third = asking(places, 'a');
    expect([await third.answer, third.asked]).toEqual(['a', ['b', 'c', 'a']]);
  });

  test('where none answers, each was asked once and each reason is told', async () => {
    const { asked, answer } = asking(new AuthorityPlaces([a, b]));
    await expect(answer).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: 'a is away; b is away',
      remedy: 'start it',
    });
    expect(asked).toEqual(['a', 'b']);
    await expect(asking(new AuthorityPlaces([a])).answer).rejects.toMatchObject({ message: 'a is away' });
  });

  test('a refusal is an answer', async () => {
    const places = new AuthorityPlaces([a, b]);
    const refused = places.inTurn(() => Promise.reject(new GarrisonError('UNAUTHENTICATED', 'spent')));
    await expect(refused).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
    expect(places.current).toBe(a);
  });

  test('whoever hears late that one is away does not leave the next', () => {
    const places = new AuthorityPlaces([a, b, c]);
    places.leave(a);
    places.leave(a);
    expect(places.current).toBe(b);
  });
});
