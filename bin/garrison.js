#!/usr/bin/env node
// Starts the command on a runtime that can run it: this one, or the pinned one that `npm ci` brought (decision 11).
// Plain JavaScript that Node 20 can read.
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import module, { createRequire } from 'node:module';
import path from 'node:path';
import process from 'node:process';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { setFlagsFromString } from 'node:v8';

const neededMajor = 24;
// The young generation stays at the megabyte it begins with. Let grow to its 64 it is cleared in pauses of 10 to 60 ms when
// a revision of policies is put in force, and those who ask wait; at this size in pauses of 0.3 ms, for the same work in all.
const shortPauses = { atStart: '--max-semi-space-size=1', whileRunning: '--semi-space-growth-factor=1' };
const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..');
// Reading hundreds of modules is most of a start; what V8 made of them is kept. Beside the code, for what lies here is
// run: whoever could write it could write the code. Where that is not allowed nothing is kept.
const compileCache = path.join(root, 'node_modules', '.cache', 'garrison');

/** A checkout runs its TypeScript; Node strips no types below node_modules, so an installed package runs dist/. */
function entryFile() {
  const source = path.join(root, 'cli', 'main.ts');
  const installed = root.split(path.sep).includes('node_modules');
  return !installed && existsSync(source) ? source : path.join(root, 'dist', 'cli', 'main.js');
}

function pinnedRuntime() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const name = `node-${platform}-${process.arch}`;
  try {
    const folder = path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`));
    return path.join(folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
  } catch {
    return undefined;
  }
}

function runOn(runtime) {
  // The fourth pipe tells the child when this process is gone without having said so.
  const child = spawn(runtime, [shortPauses.atStart, entryFile(), ...process.argv.slice(2)], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    // glibc gives each thread a heap of its own and is slow to give back what lies in them.
    env: { MALLOC_ARENA_MAX: '1', NODE_COMPILE_CACHE: compileCache, ...process.env, GARRISON_LAUNCHER_FD: '3' },
  });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];
  for (const signal of signals) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => {
    console.error(`garrison: cannot run \`${runtime}\`: ${error.message}; run \`npm ci\` again`);
    process.exitCode = 2;
  });
  child.on('exit', (code, signal) => {
    if (signal === null) {
      process.exitCode = code ?? 2;
      return;
    }
    for (const name of signals) process.removeAllListeners(name);
    process.kill(process.pid, signal);
  });
}

if (Number(process.versions.node.split('.')[0]) >= neededMajor) {
  setFlagsFromString(shortPauses.whileRunning);
  module.enableCompileCache(process.env['NODE_COMPILE_CACHE'] ?? compileCache);
  await import(pathToFileURL(entryFile()).href);
} else {
  const runtime = pinnedRuntime();
  if (runtime === undefined || !existsSync(runtime)) {
    console.error(
      `garrison: needs Node ${neededMajor} or newer and this is ${process.versions.node}; ` +
        'run `npm ci`, which brings one along for most platforms, or install it',
    );
    process.exitCode = 2;
  } else {
    runOn(runtime);
  }
}
