import { describe, expect, test } from '@jest/globals';
import { compareDocuments } from '#policies/diff/index.ts';
import { loadPolicies } from '#policies/index.ts';
import { peerAuthentication, policy } from '#test/fakes/policy-documents.ts';

describe('comparing documents', () => {
  test('by name and meaning, and not by place', () => {
    const kept = policy('kept', 'ALLOW', [{}]);
    const moved = { ...kept, metadata: { ...kept.metadata, place: { file: 'other.yaml', line: 9, column: 1 } } };
    const before = [kept, policy('old', 'DENY', [{}]), peerAuthentication('p', 'STRICT')];
    const after = [moved, policy('new', 'DENY', [{}]), peerAuthentication('p', 'PERMISSIVE')];
    expect(compareDocuments(before, after).map(({ change, kind, document }) => [change, kind, document])).toEqual([
      ['removed', 'AuthorizationPolicy', 'shop/old'],
      ['changed', 'PeerAuthentication', 'shop/p'],
      ['added', 'AuthorizationPolicy', 'shop/new'],
    ]);
    expect(compareDocuments(before, before)).toEqual([]);
    expect(compareDocuments(before, after)[1]?.fields).toEqual([
      { field: 'mode', before: 'STRICT', after: 'PERMISSIVE' },
    ]);
  });

  test('and says what is other, list by list', () => {
    const one = policy('p', 'DENY', [{ to: [{ paths: ['/a', '/b'] }] }]);
    const other = policy('p', 'ALLOW', [{ to: [{ paths: ['/a'] }, { paths: ['/c'] }] }]);
    expect(compareDocuments([one], [other])[0]?.fields).toMatchObject([
      { field: 'action', before: 'DENY', after: 'ALLOW' },
      { field: 'rules[0].to[0].paths', before: ['/a', '/b'], after: ['/a'] },
      { field: 'rules[0].to[1]', before: undefined, after: { paths: ['/c'] } },
    ]);
  });

  test('sees a changed selector, whose labels are a map', () => {
    const read = (app: string): Parameters<typeof compareDocuments>[0] => {
      const text = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: a }
spec: { selector: { matchLabels: { app: ${app} } } }`;
      const loaded = loadPolicies([{ name: 'a.yaml', text }]);
      return loaded.ok ? loaded.set.documents : [];
    };
    expect(compareDocuments(read('a'), read('b'))).toHaveLength(1);
    expect(compareDocuments(read('a'), read('a'))).toEqual([]);
  });
});
