import { addDecision } from '#services/sidecar/report/outcome.ts';
import type { Attributes } from '#services/sidecar/attributes.ts';
import { describe, expect, test } from '@jest/globals';
import { MapBag } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import type { Decider } from '#services/sidecar/decide/decider.ts';
import type { Ruling } from '#test/fakes/sidecar-world.ts';

export interface DeciderUnderTest extends AsyncDisposable {
  readonly decider: Decider;
  rule(ruling: (bag: AttributeBag) => Ruling | Promise<Ruling>): void;
  /** From here on nobody can be asked. */
  cutOff(): Promise<void>;
}

const bag = new MapBag([
  ['request.path', '/orders'],
  ['source.principal', 'cluster.local/ns/shop/sa/caller'],
  ['destination.principal', 'cluster.local/ns/shop/sa/web'],
]);
const { signal } = new AbortController();

/** What every way of deciding owes the rest of a sidecar. */
export function describeDecider(name: string, make: (failOpen: boolean) => Promise<DeciderUnderTest>): void {
  describe(`the contract of a decider: ${name}`, () => {
    test('an allow says who allowed it', async () => {
      await using made = await make(false);
      expect(await made.decider.decide(bag, signal)).toMatchObject({
        effect: 'allow',
        status: 200,
        code: 0,
        policy: 'none',
        revision: 1n,
        failOpen: false,
        direct: undefined,
      });
    });

    test('the whole bag is asked about', async () => {
      await using made = await make(false);
      let asked: AttributeBag | undefined;
      made.rule((about) => {
        asked = about;
        return {};
      });
      await made.decider.decide(bag, signal);
      for (const [attribute, value] of bag.entries()) expect(asked?.get(attribute)).toEqual(value);
    });

    test('marks of AUDIT and dry-run policies, and what a report says of them', async () => {
      await using made = await make(false);
      made.rule(() => ({ audit: ['shop/watch', 'shop/watch-too'], shadowDeny: 'shop/next', shadowAllow: 'none' }));
      const decision = await made.decider.decide(bag, signal);
      const attributes: Attributes = new Map();
      addDecision(attributes, decision);
      expect(attributes.get('garrison.decision.audit')).toBe('shop/watch,shop/watch-too');
      expect(attributes.get('garrison.decision.shadow')).toEqual(
        new Map([
          ['deny', 'shop/next'],
          ['allow', 'none'],
        ]),
      );
    });

    test.each([
      [403, 7],
      [401, 16],
      [400, 3],
      [429, 8],
    ])('a denial with %d', async (httpStatus, code) => {
      await using made = await make(false);
      made.rule(() => ({ effect: 'deny', httpStatus, code, policy: 'shop/closed' }));
      const decision = await made.decider.decide(bag, signal);
      expect(decision).toMatchObject({ effect: 'deny', status: httpStatus, code, policy: 'shop/closed', rule: 0 });
      expect(decision.reason).not.toBe('');
      expect(decision.id).not.toBe('');
    });

    test('every decision has an id of its own', async () => {
      await using made = await make(false);
      const decisions = await Promise.all([made.decider.decide(bag, signal), made.decider.decide(bag, signal)]);
      expect(new Set(decisions.map(({ id }) => id)).size).toBe(2);
    });

    test('header changes and a direct answer come along', async () => {
      await using made = await make(false);
      made.rule(() => ({
        directive: {
          requestHeaderOperations: [
            { name: 'x-a', value: '1', operation: 0 },
            { name: 'x-b', value: '2', operation: 2 },
          ],
          responseHeaderOperations: [{ name: 'server', value: '', operation: 1 }],
          directResponseCode: 302,
          directResponseBody: 'elsewhere',
        },
      }));
      expect(await made.decider.decide(bag, signal)).toMatchObject({
        requestChanges: [
          { operation: 'replace', name: 'x-a', value: '1' },
          { operation: 'append', name: 'x-b', value: '2' },
        ],
        responseChanges: [{ operation: 'remove', name: 'server' }],
        direct: { status: 302, body: 'elsewhere' },
      });
    });

    test.each([
      [302, 302],
      [429, 429],
      [200, 403],
      [204, 403],
      [304, 403],
    ])('a refusal with an answer of status %d is answered with %d', async (directResponseCode, status) => {
      await using made = await make(false);
      const none = { requestHeaderOperations: [], responseHeaderOperations: [] };
      const directive = { ...none, directResponseCode, directResponseBody: 'no' };
      made.rule(() => ({ effect: 'deny', httpStatus: 403, directive }));
      expect(await made.decider.decide(bag, signal)).toMatchObject({ effect: 'deny', status, direct: { body: 'no' } });
    });

    test.each<[string, Ruling]>([
      ['a status that denies beside an effect that allows', { effect: 'allow', code: 7 }],
      ['an effect that denies beside a status that allows', { effect: 'deny', code: 0, httpStatus: 200 }],
    ])('%s is a denial', async (_name, ruling) => {
      await using made = await make(true);
      made.rule(() => ruling);
      const decision = await made.decider.decide(bag, signal);
      expect(decision.effect).toBe('deny');
      expect(decision.status).toBeGreaterThanOrEqual(400);
      expect(decision.code).not.toBe(0);
    });

    const pathBecomes = (value: string): Ruling => ({
      directive: {
        requestHeaderOperations: [{ name: ':path', value, operation: 0 }],
        responseHeaderOperations: [],
        directResponseCode: 0,
        directResponseBody: '',
      },
    });

    test.each(['a', '', '/a b', '/a#b', '/a\r\nx: y', '/\u00e4', 'http://a/'])(
      'a change of the path to something that is none is no decision: %j',
      async (value) => {
        await using made = await make(true);
        made.rule(() => pathBecomes(value));
        expect(await made.decider.decide(bag, signal)).toMatchObject({ effect: 'deny', failOpen: false });
      },
    );

    test('a change of the path comes along, and is no header', async () => {
      await using made = await make(false);
      made.rule(() => pathBecomes('/a?b="'));
      const decision = await made.decider.decide(bag, signal);
      expect(decision).toMatchObject({ effect: 'allow', path: '/a?b="', requestChanges: [] });
    });

    test('a change that would make two headers of one is no decision, even when failing open', async () => {
      await using made = await make(true);
      made.rule(() => ({
        directive: {
          requestHeaderOperations: [{ name: 'x-a', value: '1\r\nx-role: admin', operation: 0 }],
          responseHeaderOperations: [],
          directResponseCode: 0,
          directResponseBody: '',
        },
      }));
      expect(await made.decider.decide(bag, signal)).toMatchObject({ effect: 'deny', failOpen: false });
    });

    test('nobody to ask: closed', async () => {
      await using made = await make(false);
      await made.cutOff();
      expect(await made.decider.decide(bag, signal)).toMatchObject({
        effect: 'deny',
        status: 503,
        code: 14,
        policy: 'none',
        failOpen: false,
      });
    });

    test('nobody to ask: open where that is set, and said so', async () => {
      await using made = await make(true);
      await made.cutOff();
      expect(await made.decider.decide(bag, signal)).toMatchObject({ effect: 'allow', policy: 'none', failOpen: true });
    });

    test('a client that left is let go, not let in', async () => {
      await using made = await make(true);
      made.rule(() => new Promise(() => undefined));
      const leaving = new AbortController();
      const decision = made.decider.decide(bag, leaving.signal);
      leaving.abort();
      expect(await decision).toMatchObject({ effect: 'deny' });
    });
  });
}
