import { spawnSync } from 'node:child_process';
import { test } from '@jest/globals';

/** Whether a program is there that `npm ci` does not bring. The gate (.ci/run) installs them all before any test. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ['version'], { stdio: 'ignore' }).error === undefined;
}

/** `test` where the program is there; elsewhere a skipped test, which jest counts and names. */
export function testWith(program: string): typeof test | typeof test.skip {
  return isInstalled(program) ? test : test.skip;
}
