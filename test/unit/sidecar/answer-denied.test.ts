import { describe, expect, test } from '@jest/globals';
import type { Decision } from '#services/sidecar/decide/decider.ts';
import { ownRefusal } from '#services/sidecar/decide/decider.ts';
import { firstOf, valuesOf } from '#services/sidecar/http/message.ts';
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

describe('a refusal in the words of who refused', () => {
  const append = (name: string, value: string) => ({ operation: 'append' as const, name, value });
  const refused: Decision = {
    ...denied,
    status: 302,
    direct: { status: 302, body: 'log in' },
    responseChanges: [append('Location', '/login'), append('set-cookie', 'a=1'), append('set-cookie', 'b=2')],
  };

  test('brings its status, headers and body', () => {
    const { head, body } = answerDenied(http, refused, false);
    expect(head.status).toBe(302);
    expect(body).toBe('log in');
    expect(head.fields).toEqual([
      ...['content-type', 'text/plain', 'content-length', '6'],
      ...['location', '/login', 'set-cookie', 'a=1', 'set-cookie', 'b=2'],
      ...['x-garrison-decision', 'd-1'],
    ]);
  });

  test('in the content type it gave', () => {
    const direct = { status: 403, body: '{"why":"é"}' };
    const { fields } = answerDenied(
      http,
      { ...denied, direct, responseChanges: [append('content-type', 'a/b')] },
      false,
    ).head;
    expect(fields.slice(0, 4)).toEqual(['content-length', '12', 'content-type', 'a/b']);
  });

  test('without a body it has none, and no challenge of ours', () => {
    const silent = { ...denied, status: 401, direct: { status: 401, body: '' } };
    const { head, body } = answerDenied(http, { ...silent, responseChanges: [append('x-why', 'so')] }, false);
    expect(body).toBe('');
    expect(head.fields).toEqual(['content-length', '0', 'x-why', 'so', 'x-garrison-decision', 'd-1']);
  });

  test('says nothing of the connection, the length or the decision', () => {
    const names = ['connection', 'keep-alive', 'Transfer-Encoding', 'content-length', 'upgrade', 'x-garrison-decision'];
    const forged = { ...refused, responseChanges: names.map((name) => append(name, '1')) };
    expect(answerDenied(http, forged, false).head.fields).toEqual([
      ...['content-type', 'text/plain', 'content-length', '6', 'x-garrison-decision', 'd-1'],
    ]);
  });

  test('a challenge of the decision takes the place of ours', () => {
    const challenge = { operation: 'replace' as const, name: 'www-authenticate', value: 'Bearer realm="x"' };
    const { head, body } = answerDenied(http, { ...denied, status: 401, responseChanges: [challenge] }, false);
    expect(valuesOf(head.fields, 'www-authenticate')).toEqual(['Bearer realm="x"']);
    expect(body).toBe('RBAC: access denied');
  });

  test('over gRPC the body is the message, the headers come along, and the status stays a refusal', () => {
    const responseChanges = [append('x-why', 'so'), append('content-type', 'text/html'), append('grpc-status', '0')];
    const { head, body } = answerDenied(grpc, { ...refused, responseChanges }, false);
    expect(body).toBe('');
    expect(head.fields).toEqual([
      ...['content-type', 'application/grpc', 'grpc-status', '7', 'grpc-message', 'log in'],
      ...['x-why', 'so', 'x-garrison-decision', 'd-1'],
    ]);
  });

  test('over gRPC a page is cut to a line', () => {
    const direct = { status: 403, body: `${'x'.repeat(511)}😀${'y'.repeat(60_000)}` };
    const message = firstOf(answerDenied(grpc, { ...denied, direct }, false).head.fields, 'grpc-message');
    expect(message).toBe(`${'x'.repeat(511)}%EF%BF%BD`);
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
