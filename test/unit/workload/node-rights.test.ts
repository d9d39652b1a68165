import { describe, expect, test } from '@jest/globals';
import type { Registration } from '#policies/documents/index.ts';
import { nodeMayAskFor, nodeRights } from '#services/workload/registrations.ts';

const node = (identities: string[], selectors: string[] = ['token:x'], spiffeId = 'spiffe://td/n'): Registration =>
  ({ spiffeId, selectors, node: { identities } }) as unknown as Registration;

describe('what a node may ask for', () => {
  test.each<[string, string, boolean]>([
    ['spiffe://td/ns/a.b/sa/c', 'spiffe://td/ns/a.b/sa/c', true],
    // CVE-2026-39350: a dot is a dot.
    ['spiffe://td/ns/a.b/sa/c', 'spiffe://td/ns/axb/sa/c', false],
    ['spiffe://td/ns/a.b/*', 'spiffe://td/ns/axb/sa/c', false],
    ['spiffe://td/ns/a.b/*', 'spiffe://td/ns/a.b/sa/c', true],
    ['spiffe://td/ns/a/*', 'spiffe://td/ns/ab/sa/c', false],
    ['spiffe://td/ns/a/*', 'spiffe://td/ns/a', false],
    ['spiffe://td/ns/a/*', 'spiffe://td/ns/A/sa/c', false],
    ['spiffe://td/ns/a', 'spiffe://td/ns/a/sa/c', false],
    ['spiffe://td/*', 'spiffe://tdx/ns/a', false],
  ])('%s is literal: %s', (identity, wanted, may) => {
    expect(nodeMayAskFor(node([identity]), wanted)).toBe(may);
  });

  test('is said by the registrations of its identity, and of all of its selectors', () => {
    const mine = node(['spiffe://td/a'], ['token:x'], 'spiffe://td/garrison/node/1');
    const rack = node(['spiffe://td/b'], ['x509pop:subject:cn:rack', 'x509pop:san:dns:rack']);
    const workload = { ...rack, node: undefined } as unknown as Registration;
    const nobody = node(['spiffe://td/c'], []);
    const all = [mine, rack, workload, nobody];
    expect(nodeRights(all, 'spiffe://td/garrison/node/1', new Set())).toEqual([mine]);
    expect(
      nodeRights(all, 'spiffe://td/x', new Set(['x509pop:subject:cn:rack', 'x509pop:san:dns:rack', 'y:z'])),
    ).toEqual([rack]);
    expect(nodeRights(all, 'spiffe://td/x', new Set(['x509pop:subject:cn:rack']))).toEqual([]);
  });
});
