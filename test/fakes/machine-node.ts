import { spawnSync } from 'node:child_process';
import { existsSync, realpathSync } from 'node:fs';
import path from 'node:path';

/** The machine's own Node, which is not the one that `npm ci` brought; undefined where there is none. */
export function machineNode(): { readonly path: string; readonly version: string } | undefined {
  const folders = (process.env['PATH'] ?? '').split(path.delimiter).filter((one) => !one.includes('node_modules'));
  const found = folders.map((one) => path.join(one, 'node')).find((file) => existsSync(file));
  if (found === undefined) return undefined;
  const { stdout } = spawnSync(found, ['--version'], { encoding: 'utf8', env: { ...process.env, NODE_OPTIONS: '' } });
  return { path: realpathSync(found), version: stdout.trim() };
}
