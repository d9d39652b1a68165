import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { Duration, MapBag, Timestamp } from '#proto/attributes/index.ts';
import type { AttributeValue } from '#proto/attributes/index.ts';
import { compile, decide, requirements } from '#policies/index.ts';
import { jwtRule, policySet, requestAuthentication } from '#test/fakes/policy-documents.ts';
import { requestBag } from '#test/fakes/request-bag.ts';
import { documents, mesh } from './policy-arbitraries.ts';
import { request } from './request-arbitraries.ts';

const value: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc.double(),
  fc.boolean(),
  fc.uint8Array({ maxLength: 20 }),
  fc.constant(new Timestamp(1n, 0)),
  fc.constant(new Duration(1n, 0)),
  fc
    .dictionary(fc.string({ maxLength: 8 }), fc.string({ unit: 'binary', maxLength: 12 }))
    .map((entries) => new Map(Object.entries(entries))),
);

const names = [
  'context.protocol',
  'destination.namespace',
  'destination.labels',
  'destination.port',
  'destination.ip',
  'source.principal',
  'source.ip',
  'origin.ip',
  'connection.requested_server_name',
  'request.method',
  'request.host',
  'request.path',
  'request.headers',
  'request.auth.raw_claims',
  'request.auth.principal',
  'garrison.request.repeated_headers',
  'garrison.metadata',
  'garrison.destination.gateway',
  'garrison.source.certificate.fault',
] as const;

test('whatever a bag holds, there is a verdict, and an error is never an allow', () => {
  fc.assert(
    fc.property(
      documents,
      mesh,
      request,
      fc.array(fc.tuple(fc.constantFrom(...names), value), { maxLength: 4 }),
      fc.boolean(),
      (all, where, one, changes, tokens) => {
        const authentication = tokens ? [requestAuthentication('jwt', [jwtRule({ issuer: 'a', jwks: '{}' })])] : [];
        const program = compile(policySet([...all, ...authentication], where), 1);
        const bag = new MapBag(new Map([...requestBag(one).entries(), ...changes]));
        expect(requirements(program, bag)).toBeDefined();
        const verdict = decide(program, bag);
        expect(['allow', 'deny']).toContain(verdict.effect);
        expect(verdict.effect === 'allow' ? [200] : [400, 401, 403]).toContain(verdict.status);
        if (verdict.error !== undefined) expect(verdict.effect).toBe('deny');
        // What it depends on can be told, save for an error, which nobody may remember.
        expect(verdict.error !== undefined || verdict.referenced.length > 0).toBe(true);
        expect(verdict.reason).not.toBe('');
      },
    ),
    { numRuns: 2_000 },
  );
});
