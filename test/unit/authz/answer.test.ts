import { describe, expect, test } from '@jest/globals';
import { decodeReferences } from '#proto/attributes/index.ts';
import { Decision } from '#proto/gen/garrison/v1/decision.ts';
import type { CheckRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { answer, decided, once } from '#services/authz/answer.ts';

const request: CheckRequest = { attributes: undefined, globalWordCount: 222, deduplicationId: '', quotas: new Map() };
const decision: Decision = {
  id: 'd-1',
  effect: 'deny',
  policy: 'shop/admin',
  rule: 0,
  revision: 7n,
  reason: 'the admin area is closed',
  httpStatus: 403,
  audit: [],
  shadowAllow: '',
  shadowDeny: '',
};
const references = [{ name: 'request.headers', key: 'x-role', condition: 'absence' as const }];

/** As the caller reads it. */
const sent = (made: CheckResponse): CheckResponse => CheckResponse.decode(CheckResponse.encode(made).finish());

describe('an answer', () => {
  test.each([
    [400, 3],
    [401, 16],
    [403, 7],
    [429, 8],
  ])('a denial with HTTP status %d has gRPC status %d', (httpStatus, code) => {
    const { precondition } = sent(
      answer(request, { decision: { ...decision, httpStatus }, references, validity: decided, directive: undefined }),
    );
    expect(precondition?.status).toMatchObject({ code, message: 'the admin area is closed' });
  });

  test('carries the decision, allowed or not', () => {
    for (const effect of ['allow', 'deny']) {
      const { precondition } = sent(
        answer(request, { decision: { ...decision, effect }, references, validity: decided, directive: undefined }),
      );
      const [detail] = precondition?.status?.details ?? [];
      expect(detail?.typeUrl).toBe('type.googleapis.com/garrison.v1.Decision');
      expect(Decision.decode(detail?.value ?? Buffer.alloc(0))).toEqual({ ...decision, effect });
    }
  });

  test('says how long it holds, and for what', () => {
    const { precondition } = sent(answer(request, { decision, references, validity: decided, directive: undefined }));
    expect(precondition).toMatchObject({ validDuration: { seconds: 0n, nanos: 500_000_000 }, validUseCount: 10_000 });
    expect(decodeReferences(precondition!.referencedAttributes!)).toEqual(references);
  });

  test('a failure to decide holds for this call only', () => {
    const { precondition } = sent(answer(request, { decision, references, validity: once, directive: undefined }));
    expect(precondition).toMatchObject({ validDuration: { seconds: 0n, nanos: 0 }, validUseCount: 0 });
  });

  test('uses no global word that the caller does not know', () => {
    const { precondition } = sent(
      answer({ ...request, globalWordCount: 0 }, { decision, references, validity: decided, directive: undefined }),
    );
    expect(precondition?.referencedAttributes?.words).toEqual(['request.headers', 'x-role']);
  });

  const asking = { ...request, quotas: new Map([['per-user', { amount: 3n, bestEffort: false }]]) };

  test('an unknown quota grants nothing and says so', () => {
    const { quotas } = sent(
      answer(asking, {
        decision: { ...decision, effect: 'allow' },
        references,
        validity: decided,
        directive: undefined,
      }),
    );
    expect(quotas.get('per-user')).toMatchObject({
      grantedAmount: 0n,
      status: { code: 12, message: 'there is no quota `per-user`; nothing is granted' },
    });
  });

  test('a denied check spends no quota', () => {
    expect(sent(answer(asking, { decision, references, validity: decided, directive: undefined })).quotas.size).toBe(0);
  });
});
