import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { describeViolations, readImportGraph } from './import-graph.ts';
import { importRules } from './import-rules.ts';

const root = join(import.meta.dirname, '../..');
const rooms = ['proto', 'schema', 'ca', 'policies', 'services', 'cli', 'test'];

describe('the rooms', () => {
  const graph = readImportGraph(root, rooms);

  test('import only what they may', async () => {
    expect(describeViolations(await graph)).toEqual([]);
  });

  // A cruiser that cannot read the sources reports no violations either.
  test('were seen', async () => {
    const { modules } = await graph;
    const own = modules.filter((module) => /^(proto|schema|ca|policies|services|cli)\/.*\.ts$/.test(module.source));
    expect(own.length).toBeGreaterThan(50);
    const edges = new Set(modules.flatMap((m) => m.dependencies.map((d) => `${m.source} → ${d.resolved}`)));
    expect(edges).toContain('proto/errors/index.ts → proto/errors/error.ts');
    // One through the `imports` map, and one that is a type alone.
    expect(edges).toContain('policies/documents/model.ts → schema/place.ts');
  });
});

describe('a planted bad import is reported', () => {
  test.each(importRules.map((each) => [each.rule.name, each.planted] as const))('%s', async (name, planted) => {
    const folder = mkdtempSync(join(tmpdir(), 'garrison-arch-'));
    try {
      for (const [path, text] of Object.entries(planted)) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), text);
      }
      const tops = [...new Set(Object.keys(planted).map((path) => path.split('/')[0] ?? ''))];
      const graph = await readImportGraph(folder, tops);
      expect(graph.summary.violations.map((found) => found.rule.name)).toContain(name);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
