import { execFileSync } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/** A peer that is written in Go, built from its module; or why there is none. */
export type Built = { readonly program: string } | { readonly missing: string };

/** Needs `go` on the path and the Go module proxy. Nothing of the peer is kept here: its sources come from there. */
export function buildGo(folder: string): Built {
  const program = path.join(mkdtempSync(path.join(tmpdir(), 'garrison-peer-')), 'peer');
  try {
    execFileSync('go', ['build', '-o', program, '.'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
      timeout: 900_000,
    });
    return { program };
  } catch (error) {
    const { code, stderr } = error as NodeJS.ErrnoException & { stderr?: Buffer };
    const last = stderr?.toString().trim().split('\n').at(-1);
    return { missing: code === 'ENOENT' ? 'there is no `go` on the path' : `go build: ${last ?? String(code)}` };
  }
}
