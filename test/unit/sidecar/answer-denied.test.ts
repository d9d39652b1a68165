import { describe, expect, test } from '@jest/globals';
import type { Decision } from '#services/sidecar/decide/decider.ts';
import { ownRefusal } from '#services/sidecar/decide/decider.ts';
import { firstOf } from '#services/sidecar/http/message.ts';
import { answerDenied, answerFailed } from '#services/sidecar/inbound/answer-denied.ts';

const http = { method: 'GET', target: '/', version: '1.1', fields: [] };
const grpc = { method: 'POST', target: '/a.B/C', version: '2', fields: ['content-type', 'application/grpc'] };
const denied: Decision = {
  ...ownRefusal('d-1', 403, 7, 'rule 2 of shop/closed, 100 %'),
  policy: 'shop/closed',
  rule: 2,
  revision: 5n,
};

describe('a denial over HTTP', () => {
  test('says the least, with the id that tells the rest', () => {
    const { head, body } = answerDenied(http, denied, false);
    expect(head.status).toBe(403);
    expect(body).toBe('RBAC: access denied');
    expect(head.fields).toEqual(['content-type', 'text/plain', 'content-length', '19', 'x-garrison-decision', 'd-1']);
  });

  test('with revealed reasons it names policy, rule and revision', () => {
    const { fields } = answerDenied(http, denied, true).head;
    expect(firstOf(fields, 'x-garrison-policy')).toBe('shop/closed');
    expect(firstOf(fields, 'x-garrison-rule')).toBe('2');
    expect(firstOf(fields, 'x-garrison-revision')).toBe('5');
    expect(firstOf(fields, 'x-garrison-reason')).toBe('rule 2 of shop/closed, 100 %25');
  });

  test('401 says how to do better', () => {
    expect(firstOf(answerDenied(http, { ...denied, status: 401 }, false).head.fields, 'www-authenticate')).toMatch(
      /^Bearer/,
    );
  });

  test('a malformed request is told what is wrong with it, a denied one is not', () => {
    expect(answerDenied(http, ownRefusal('d', 400, 3, 'two hosts'), false).body).toBe('bad request: two hosts');
    expect(answerDenied(http, { ...denied, status: 400 }, false).body).toBe('RBAC: access denied');
  });

  test('an undecided one does not look denied', () => {
    expect(answerDenied(http, ownRefusal('d', 503, 14, 'nobody'), false).body).not.toContain('RBAC');
  });

  test('a reason cannot become a header of its own', () => {
    const { fields } = answerDenied(http, { ...denied, reason: 'a\r\nx-role: admin' }, true).head;
    expect(fields.join('')).not.toMatch(/[\r\n]/);
  });
});

describe('a denial over gRPC', () => {
  test('is an answer without a body whose status says no', () => {
    const { head, body } = answerDenied(grpc, denied, false);
    expect(body).toBe('');
    expect(head).toEqual({
      status: 200,
      reason: '',
      fields: [
        'content-type',
        'application/grpc',
        'grpc-status',
        '7',
        'grpc-message',
        'RBAC: access denied',
        'x-garrison-decision',
        'd-1',
      ],
    });
  });

  test('a failure behind the sidecar is UNAVAILABLE', () => {
    expect(firstOf(answerFailed(grpc, 503, 'gone').head.fields, 'grpc-status')).toBe('14');
  });
});
