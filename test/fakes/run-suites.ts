import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';
import { loadSuite, runSuite } from '#policies/cases/index.ts';
import type { CaseResult, Suite } from '#policies/cases/index.ts';
import { describeFault } from '#schema/index.ts';

const root = path.resolve(import.meta.dirname, '../..');

/** Case files below a folder of the repository. */
export function suiteFiles(folder: string): string[] {
  return readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.yaml'))
    .map((name) => path.join(folder, name))
    .sort();
}

export function openSuite(file: string, text: string | Uint8Array = readFileSync(path.join(root, file))): Suite {
  const loaded = loadSuite(
    { name: file, text },
    {
      cedar: wasmCedar(),
      readFile: (relative) => {
        const name = path.join(path.dirname(file), relative);
        return { name, text: readFileSync(path.join(root, name)) };
      },
    },
  );
  if ('program' in loaded) return loaded;
  throw new Error(loaded.map(describeFault).join('\n'));
}

export async function runAll(suite: Suite, nowMs = 0): Promise<CaseResult[]> {
  const results: CaseResult[] = [];
  for await (const result of runSuite(suite, nowMs)) results.push(result);
  return results;
}
