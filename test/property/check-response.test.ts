import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { writeCheckResponse, writeDecision } from '#proto/attributes/index.ts';
import { Decision } from '#proto/gen/garrison/v1/decision.ts';
import { CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';

const text = fc.oneof(fc.string({ unit: 'binary' }), fc.string({ minLength: 100, maxLength: 6_000 }));
const int32 = fc.integer();
const option = <T>(of: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(of, { nil: undefined });
const duration = fc.record({ seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), nanos: int32 });
const bytes = fc.uint8Array().map((value) => Buffer.from(value));
const status = fc.record({
  code: int32,
  message: text,
  details: fc.array(fc.record({ typeUrl: text, value: bytes }), { maxLength: 3 }),
});
const referenced = fc.record({
  words: fc.array(text, { maxLength: 5 }),
  attributeMatches: fc.array(
    fc.record({ name: int32, condition: fc.constantFrom(0, 1, 2, 3), regex: text, mapKey: option(int32) }),
    { maxLength: 5 },
  ),
});
const directive = fc.record({
  requestHeaderOperations: fc.array(fc.record({ name: text, value: text, operation: fc.constantFrom(0, 1, 2) }), {
    maxLength: 3,
  }),
  responseHeaderOperations: fc.constant([]),
  directResponseCode: fc.nat(),
  directResponseBody: text,
});
const response: fc.Arbitrary<CheckResponse> = fc.record({
  precondition: option(
    fc.record({
      status: option(status),
      validDuration: option(duration),
      validUseCount: int32,
      referencedAttributes: option(referenced),
      routeDirective: option(directive),
    }),
  ),
  quotas: fc
    .array(
      fc.tuple(
        text,
        fc.record({
          validDuration: option(duration),
          grantedAmount: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
          referencedAttributes: option(referenced),
          status: option(status),
        }),
      ),
      { maxLength: 3 },
    )
    .map((entries) => new Map(entries)),
});

describe('our writers say what the generated ones say', () => {
  test('of a CheckResponse', () => {
    fc.assert(
      fc.property(response, (message) => {
        expect(CheckResponse.decode(writeCheckResponse(message))).toEqual(message);
      }),
    );
  });

  test('of a CheckResponse without quotas, to the byte', () => {
    fc.assert(
      fc.property(response, (message) => {
        const plain = { ...message, quotas: new Map() };
        expect(writeCheckResponse(plain)).toEqual(Buffer.from(CheckResponse.encode(plain).finish()));
      }),
    );
  });

  test('of a Decision, to the byte', () => {
    const decision: fc.Arbitrary<Decision> = fc.record({
      id: text,
      effect: text,
      policy: text,
      rule: option(fc.nat(0xffffffff)),
      revision: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      reason: text,
      httpStatus: fc.nat(0xffffffff),
      audit: fc.array(text, { maxLength: 3 }),
      shadowAllow: text,
      shadowDeny: text,
    });
    fc.assert(
      fc.property(decision, (message) => {
        expect(writeDecision(message)).toEqual(Buffer.from(Decision.encode(message).finish()));
      }),
    );
  });
});
