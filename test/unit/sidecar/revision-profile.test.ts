import { describe, expect, test } from '@jest/globals';
import { Revision } from '#proto/gen/garrison/v1/revisions.ts';
import { finish } from '#schema/index.ts';
import type { ActiveRevision } from '#services/sidecar/revision/active-revision.ts';
import { RevisionReader } from '#services/sidecar/revision/compile-revision.ts';

const revision = (namespaceProfiles: Record<string, string>, pathNormalization = ''): Revision =>
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
        pathNormalization,
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

describe('the target that goes on', () => {
  const workload = { namespace: 'legacy', name: 'api', serviceAccount: 'api', labels: new Map(), gateway: false };
  const reader = new RevisionReader(workload, () => 'spiffe://cluster.local/ns/legacy/sa/api');
  const read = (profiles: Record<string, string>, level: string, target: string, method = 'GET'): unknown =>
    finish(reader.read(revision(profiles, level))).readTarget(method, target);

  test('is at the level of the profile of its namespace, where the mesh names none', () => {
    expect(read({}, '', '/a%2fb/../c?x=/../%2f')).toEqual({ target: '/a/c?x=/../%2f' });
    expect(read({ legacy: 'istio' }, '', '//a%2fb/../c?x')).toEqual({ target: '//c?x' });
  });

  test('is at the level of the mesh', () => {
    expect(read({}, 'BASE', '/a%2Fb/./c//d')).toEqual({ target: '/a%2Fb/c//d' });
    expect(read({}, 'MERGE_SLASHES', '/a%2Fb/./c//d')).toEqual({ target: '/a%2Fb/c/d' });
    expect(read({ legacy: 'istio' }, 'NONE', '/a/../%2e%2e//b')).toEqual({ target: '/a/../%2e%2e//b' });
    expect(() => read({}, 'LOOSE', '/')).toThrow('the path normalization `LOOSE` is not known here');
  });

  test('is what came where that is no path', () => {
    expect(read({}, '', '*', 'OPTIONS')).toEqual({ target: '*' });
    expect(read({}, '', 'web.shop:443', 'CONNECT')).toEqual({ target: 'web.shop:443' });
  });

  test('is none where it can be read in two ways, or in none', () => {
    expect(read({}, '', '/a//../b')).toEqual({ fault: 'the path means another thing when slashes are merged first' });
    expect(read({}, '', '/a%00')).toEqual({ fault: 'the path cannot be normalised' });
    expect(read({}, '', '*')).toEqual({ fault: 'the path cannot be normalised' });
    expect(read({}, '', '')).toEqual({ fault: 'the path is empty' });
  });
});
