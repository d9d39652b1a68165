import { execFileSync } from 'node:child_process';
import { join } from 'node:path';

const source = join(import.meta.dirname, '../interop/go-spiffe');

/** Builds what speaks to us by go-spiffe. Without Go this fails, and says so: a suite that is skipped proves nothing. */
export function buildGoSpiffe(program: string, what = '.'): void {
  execFileSync('go', ['build', '-o', program, what], { cwd: source, stdio: ['ignore', 'inherit', 'inherit'] });
}
