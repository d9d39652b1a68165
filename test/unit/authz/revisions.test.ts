import { describe, expect, test } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { decide } from '#policies/index.ts';
import type { Mesh } from '#policies/index.ts';
import { MapBag } from '#proto/attributes/index.ts';
import { systemClock } from '#runtime/clock.ts';
import { inSlices } from '#runtime/in-slices.ts';
import { createLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { revisionFile } from '#services/authz/revision-file.ts';
import { Revisions } from '#services/authz/revisions.ts';
import type { PolicyFile, RevisionStore, Run, StoredRevision } from '#services/authz/revisions.ts';

const count = 400;
const perFile = 20;

function policy(i: number, version: string): string {
  return `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p-${i}, namespace: shop }
spec: { action: DENY, rules: [ { to: [ { operation: { paths: [ /${version}/${i} ] } } ] } ] }
`;
}

function filesOf(versionOf: (file: number) => string): PolicyFile[] {
  return Array.from({ length: count / perFile }, (_, file) => ({
    name: `${file}.yaml`,
    text: Array.from({ length: perFile }, (__, i) => policy(file * perFile + i, versionOf(file))).join('---\n'),
  }));
}

const bag = (requestPath: string): MapBag =>
  new MapBag([
    ['context.protocol', 'http'],
    ['destination.namespace', 'shop'],
    ['request.method', 'GET'],
    ['request.path', requestPath],
    ['request.host', 'cart'],
  ]);

class Memory {
  readonly saved: StoredRevision[] = [];
  load(): undefined {
    return undefined;
  }
  save(revision: StoredRevision): void {
    this.saved.push(revision);
  }
}

function revisionsWith(run: Run): Revisions {
  return new Revisions({}, systemClock, new Memory(), { run });
}

/** One step in every slice, and a look at what is decided before each. */
function stepByStep(look: () => void): { run: Run; turns: () => number } {
  let turns = 0;
  return {
    turns: () => turns,
    run: (steps) =>
      inSlices(steps, {
        sliceMs: 0,
        turn: () => {
          turns += 1;
          look();
          return Promise.resolve();
        },
      }),
  };
}

describe('a revision that replaces another', () => {
  test('is made in many turns of the loop, in each of which the one before decides', async () => {
    const seen = new Set<string>();
    const { run, turns } = stepByStep(() => {
      const program = revisions.current?.program;
      if (program === undefined) return;
      seen.add(`${decide(program, bag('/a/7')).effect} ${decide(program, bag('/b/7')).effect}`);
    });
    const revisions = revisionsWith(run);
    await revisions.apply(filesOf(() => 'a'));
    const first = turns();
    // Reading and then ranking: a turn for every policy, and no slice with more than one of them.
    expect(first).toBeGreaterThanOrEqual(count);
    const program = revisions.current?.program;
    expect(program && decide(program, bag('/a/7')).effect).toBe('deny');

    await revisions.apply(filesOf(() => 'b'));
    // The index of the workload in use comes on top: compiled, counted and filed, each rule by itself.
    expect(turns() - first).toBeGreaterThanOrEqual(4 * count);
    expect(seen).toEqual(new Set(['deny allow']));
    const next = revisions.current?.program;
    expect(next && [decide(next, bag('/a/7')).effect, decide(next, bag('/b/7')).effect]).toEqual(['allow', 'deny']);
  });

  test('is ready for the workloads that the one before was asked about, and for no others', async () => {
    const revisions = revisionsWith((steps) => inSlices(steps));
    await revisions.apply(filesOf(() => 'a'));
    const before = revisions.current?.program;
    if (before === undefined) throw new Error('it is in force');
    expect(before.inUse).toEqual([]);
    decide(before, bag('/a/7'));
    await revisions.apply(filesOf(() => 'b'));
    const inUse = revisions.current?.program.inUse;
    expect(inUse?.map(({ workload, transports }) => [workload.namespace, transports])).toEqual([['shop', ['http']]]);
  });

  test('shares the documents of the files that did not change', async () => {
    const revisions = revisionsWith((steps) => inSlices(steps));
    await revisions.apply(filesOf(() => 'a'));
    const before = new Set(revisions.current?.set.documents);
    await revisions.apply(filesOf((file) => (file === 3 ? 'b' : 'a')));
    const fresh = revisions.current?.set.documents.filter((document) => !before.has(document));
    expect(fresh?.map(({ metadata }) => metadata.name)).toEqual(
      Array.from({ length: perFile }, (_, i) => `p-${60 + i}`),
    );
  });

  test('shares them however many warnings there are, and tells the warnings again', async () => {
    const revisions = revisionsWith((steps) => inSlices(steps));
    const warned = (version: string): PolicyFile[] =>
      Array.from({ length: 3 }, (_, file) => ({
        name: `${file}.yaml`,
        text: Array.from({ length: 500 }, (__, i) => policy(file * 500 + i, file === 0 ? version : 'a')).join('---\n'),
      }));
    await revisions.apply(warned('a'));
    const [before, warnings] = [new Set(revisions.current?.set.documents), revisions.current?.warnings];
    expect(warnings?.at(-1)?.reason).toBe('500 more faults are not shown');
    await revisions.apply(warned('b'));
    expect(revisions.current?.set.documents.filter((document) => !before.has(document))).toHaveLength(500);
    expect(revisions.current?.warnings).toEqual(warnings);
  });

  test('keeps the index of a workload for which nothing changed, and of no other', async () => {
    const revisions = revisionsWith((steps) => inSlices(steps));
    const elsewhere = (path: string): PolicyFile => ({
      name: 'other.yaml',
      text: policy(1, path).replace('namespace: shop', 'namespace: bank'),
    });
    const groups = (): unknown[] => {
      const program = revisions.current?.program;
      return ['shop', 'bank'].map(
        (namespace) => program?.forWorkload({ ...workload, namespace }).http ?? `nothing for ${namespace}`,
      );
    };
    const workload = { name: 'w', serviceAccount: 'w', labels: new Map(), gateway: false, services: [] };
    await revisions.apply([...filesOf(() => 'a'), elsewhere('a')]);
    const [shop, bank] = groups();
    await revisions.apply([...filesOf(() => 'a'), elsewhere('b')]);
    const [shopNow, bankNow] = groups();
    expect(shopNow).toBe(shop);
    expect(bankNow).not.toBe(bank);
    const program = revisions.current?.program;
    if (program === undefined) throw new Error('it is in force');
    expect(['/a/7', '/b/7'].map((path) => decide(program, bag(path)).effect)).toEqual(['deny', 'allow']);
  });

  test('a name that another file takes is told as it would be without memory', async () => {
    const revisions = revisionsWith((steps) => inSlices(steps));
    const files = filesOf(() => 'a');
    await revisions.apply(files);
    const twice = { name: '!first.yaml', text: policy(25, 'z') };
    expect(await revisions.apply([twice, ...files])).toBe('refused');
    const told = revisions.refusal?.faults.filter(({ severity }) => severity === 'error');
    expect(told).toHaveLength(1);
    expect(told?.[0]).toMatchObject({ place: { file: '1.yaml' }, field: 'metadata.name' });
    expect(told?.[0]?.reason).toContain('is already given at !first.yaml:');
    // What was refused is not remembered, and what is in force is.
    expect(await revisions.apply(files)).toBe('unchanged');
    expect(await revisions.apply(files.slice(1))).toBe('activated');
    expect(revisions.current?.set.documents).toHaveLength(count - perFile);
  });

  test('lets go of the one before', () => {
    const script = path.join(import.meta.dirname, '../../fakes/replace-revisions.ts');
    const told = execFileSync(process.execPath, ['--expose-gc', '--disable-warning=ExperimentalWarning', script], {
      encoding: 'utf8',
      env: { ...process.env, NODE_OPTIONS: '' },
    });
    expect(JSON.parse(told)).toEqual({ revision: 4, alive: [] });
  });
});

describe('a revision that is remembered over a restart', () => {
  const istioIn = (namespace: string): Partial<Mesh> => ({ namespaceProfiles: new Map([[namespace, 'istio']]) });
  const files = [{ name: 'a.yaml', text: policy(1, 'a') }];

  async function reopened(store: RevisionStore, before: Partial<Mesh>, after: Partial<Mesh>): Promise<Revisions> {
    await new Revisions(before, systemClock, store).apply(files);
    return new Revisions(after, systemClock, store);
  }

  function inMemory(): RevisionStore {
    let saved: StoredRevision | undefined;
    return {
      load: () => saved,
      save: (revision) => {
        saved = revision;
      },
    };
  }

  async function inFile(run: (store: RevisionStore) => Promise<void>): Promise<void> {
    const folder = mkdtempSync(path.join(tmpdir(), 'garrison-revision-'));
    const write = (line: string): void => {
      throw new Error(line);
    };
    try {
      await run(revisionFile(StateFolder.open(folder), createLogger({ write })));
    } finally {
      rmSync(folder, { recursive: true });
    }
  }

  const stores: [string, (run: (store: RevisionStore) => Promise<void>) => Promise<void>][] = [
    ['in memory', (run) => run(inMemory())],
    ['in a file', inFile],
  ];

  test.each(stores)('is in force at once under the same profiles, %s', (_, withStore) =>
    withStore(async (store) => {
      const revisions = await reopened(store, istioIn('old'), istioIn('old'));
      expect(revisions.current?.number).toBe(1);
      expect(await revisions.apply(files)).toBe('unchanged');
    }),
  );

  test.each(stores)(
    'is no good under other profiles, and the same documents are the next revision, %s',
    (_, withStore) =>
      withStore(async (store) => {
        const revisions = await reopened(store, istioIn('old'), istioIn('new'));
        expect(revisions.current).toBeUndefined();
        expect(await revisions.apply(files)).toBe('activated');
        expect(revisions.current?.number).toBe(2);
      }),
  );
});
