// The entry of the command: hands the world over and takes the exit code back.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#runtime/clock.ts';
import { signalled } from '#runtime/lifecycle.ts';
import { installation } from './installation.ts';
import { run } from './run.ts';

const manifest = join(installation().root, 'package.json');
const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };

// Whoever reads our output may stop reading: `garrison audit query | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

const code = await run(process.argv.slice(2), {
  env: process.env,
  cwd: process.cwd(),
  stdin: process.stdin,
  clock: systemClock,
  get signal() {
    return signalled();
  },
  stdout: (text) => process.stdout.write(text),
  stderr: (text) => process.stderr.write(text),
  version,
});
process.exitCode = code;
endWhenWritten();

/** Something that was to close and did not must not hold the process; what is not yet written out may. */
function endWhenWritten(): void {
  setTimeout(() => {
    if (process.stdout.writableLength > 0) endWhenWritten();
    else process.exit(code);
  }, 2000).unref();
}
