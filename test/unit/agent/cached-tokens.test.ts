import { expect, test } from '@jest/globals';
import { GarrisonError } from '#proto/errors/index.ts';
import { CachedTokens } from '#services/agent/asking/cached-tokens.ts';
import { aRegistration } from '#test/fakes/a-registration.ts';
import { TestClock } from '#test/fakes/test-clock.ts';

function start(max = 10) {
  const clock = new TestClock();
  const state = { minted: 0, failure: undefined as Error | undefined };
  const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const source = {
    issue: () => Promise.reject(new Error('not here')),
    mintJwt: async (): Promise<string> => {
      await Promise.resolve();
      if (state.failure !== undefined) throw state.failure;
      state.minted += 1;
      const iat = clock.now().getTime() / 1000;
      return `${part({ alg: 'ES256' })}.${part({ iat, exp: iat + 300, n: state.minted })}.x`;
    },
  };
  const tokens = new CachedTokens({ source, clock, max });
  const mint = (name: string, ...audience: string[]): Promise<string> =>
    tokens.mintJwt(aRegistration(name), audience, 'test');
  return { clock, state, tokens, mint };
}

test('a token is handed out until half of its life is over, to all who ask meanwhile', async () => {
  const { clock, state, mint } = start();
  const [first, same] = await Promise.all([mint('a', 'x'), mint('a', 'x')]);
  expect(same).toBe(first);
  expect(state.minted).toBe(1);
  await clock.advance(149_000);
  expect(await mint('a', 'x')).toBe(first);
  await clock.advance(2000);
  expect(await mint('a', 'x')).not.toBe(first);
  expect(state.minted).toBe(2);
});

test('another audience, another identity and another lifetime are other tokens', async () => {
  const { state, mint, tokens } = start();
  await mint('a', 'x');
  await mint('a', 'y');
  await mint('a', 'x', 'y');
  await mint('b', 'x');
  await tokens.mintJwt(aRegistration('a', { jwtTtlSeconds: 60 }), ['x'], 'test');
  expect(state.minted).toBe(5);
});

test('while the authority is away a token serves as long as it is valid, with some time left to use it', async () => {
  const { clock, state, mint } = start();
  const first = await mint('a', 'x');
  state.failure = new GarrisonError('UNAVAILABLE', 'away');
  await clock.advance(280_000);
  expect(await mint('a', 'x')).toBe(first);
  await clock.advance(15_000);
  await expect(mint('a', 'x')).rejects.toThrow('away');
});

test('what the authority refuses is refused, though a token is there', async () => {
  const { clock, state, mint } = start();
  await mint('a', 'x');
  await clock.advance(200_000);
  state.failure = new GarrisonError('PERMISSION_DENIED', 'no more');
  await expect(mint('a', 'x')).rejects.toThrow('no more');
});

test('the longest unused goes first', async () => {
  const { state, tokens, mint } = start(2);
  for (const name of ['a', 'b', 'a', 'c', 'a']) await mint(name, 'x');
  expect(state.minted).toBe(3);
  expect(tokens.size).toBe(2);
  await mint('b', 'x');
  expect(state.minted).toBe(4);
});

test('after a change of keys nothing minted before is handed out, not even what was under way', async () => {
  const { state, tokens, mint } = start();
  const under = mint('a', 'x');
  tokens.clear();
  const after = mint('a', 'x');
  expect(await after).not.toBe(await under);
  expect(await mint('a', 'x')).toBe(await after);
  expect(state.minted).toBe(2);
});
