import { describe, expect, test } from '@jest/globals';
import { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import { finish } from '#schema/index.ts';
import type { ActiveRevision } from '#services/sidecar/revision/active-revision.ts';
import { RevisionReader } from '#services/sidecar/revision/compile-revision.ts';

const revision = (namespaceProfiles: Record<string, string>): Revision =>
  // As it comes off the wire.
  Revision.decode(
    Revision.encode({
      number: 1n,
      activated: undefined,
      files: [],
      mesh: {
        trustDomain: 'cluster.local',
        trustDomainAliases: [],
        rootNamespace: 'istio-system',
        profile: 'strict',
        namespaceProfiles: new Map(Object.entries(namespaceProfiles)),
      },
    }).finish(),
  );

describe('the profile of a sidecar', () => {
  const workload = { namespace: 'legacy', name: 'api', serviceAccount: 'api', labels: new Map(), gateway: false };
  const reader = new RevisionReader(workload, () => 'spiffe://cluster.local/ns/legacy/sa/api');
  const read = (profiles: Record<string, string>): ActiveRevision => finish(reader.read(revision(profiles)));

  test('is that of its namespace, else the mesh’s, and follows from revision to revision', () => {
    expect(read({}).profile).toBe('strict');
    expect(read({ legacy: 'istio' }).profile).toBe('istio');
    expect(read({ other: 'istio' }).profile).toBe('strict');
  });

  test('that is not known here refuses the revision', () => {
    expect(() => read({ other: 'loose' })).toThrow('the profile `loose` is not known here');
  });
});
