import { cruise } from 'dependency-cruiser';
import type { ICruiseResult } from 'dependency-cruiser';
import { importRules } from './import-rules.ts';

/** Reads every import below `folders` of `root`, types included, and says which rules are broken. */
export async function readImportGraph(root: string, folders: readonly string[]): Promise<ICruiseResult> {
  const { output } = await cruise([...folders], {
    baseDir: root,
    ruleSet: { forbidden: importRules.map(({ rule }) => rule) },
    validate: true,
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|coverage)/' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['development', 'import', 'types', 'node', 'default'],
    },
  });
  if (typeof output === 'string') throw new Error(`expected a graph, got text: ${output.slice(0, 200)}`);
  return output;
}

export function describeViolations(graph: ICruiseResult): string[] {
  return graph.summary.violations.map((found) => `${found.rule.name}: ${found.from} → ${found.to}`);
}
