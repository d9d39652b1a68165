import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { GarrisonError } from '#proto/errors/index.ts';

export interface ProcessPlan {
  readonly name: string;
  /** Arguments of node itself: the program first. */
  readonly command: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

/** The children of the demo: started together, watched, and all gone when this is disposed of. */
export class Processes implements AsyncDisposable {
  readonly #logs: string;
  readonly #environment: NodeJS.ProcessEnv;
  readonly #running = new Map<string, Running>();
  readonly #failed = new AbortController();
  #stopping = false;

  constructor(options: { logs: string; environment: NodeJS.ProcessEnv }) {
    this.#logs = options.logs;
    this.#environment = options.environment;
  }

  /** Aborted, with the reason, when a child ends that should not. */
  get failed(): AbortSignal {
    return this.#failed.signal;
  }

  get count(): number {
    return this.#running.size;
  }

  pid(name: string): number | undefined {
    return this.#running.get(name)?.child.pid;
  }

  /** Starts one process; its first line on stdout says that it serves. Resolves with that line. */
  async start(plan: ProcessPlan): Promise<string> {
    const log = join(this.#logs, `${plan.name}.log`);
    const child = spawn(process.execPath, plan.command, {
      // The fourth pipe closes when this process is gone, however it went; the child then ends too.
      env: { ...this.#environment, ...plan.env, GARRISON_LAUNCHER_FD: '3' },
      stdio: ['pipe', 'pipe', 'pipe', 'pipe'],
    });
    const file = createWriteStream(log, { mode: 0o600 });
    let lastWords = '';
    child.stderr.on('data', (chunk: Buffer) => {
      lastWords = (lastWords + chunk.toString('utf8')).slice(-2_000);
    });
    child.stderr.pipe(file, { end: false });
    const ended = once(child, 'close').then(() => {
      file.end();
      if (this.#stopping) return;
      const how = child.signalCode ?? `exit ${child.exitCode ?? '?'}`;
      this.#failed.abort(
        new GarrisonError('UNAVAILABLE', `${plan.name} ended by itself (${how}), saying:\n${lastWords.trimEnd()}\n`, {
          remedy: 'run with `--keep` to find its whole log in the folder that stays',
        }),
      );
    });
    this.#running.set(plan.name, { child, ended });
    const lines = createInterface({ input: child.stdout });
    const [line] = (await once(lines, 'line', { signal: this.#failed.signal }).catch((error: unknown) => {
      throw this.#failed.signal.aborted ? this.#failed.signal.reason : error;
    })) as [string];
    lines.on('line', (more) => file.write(`${more}\n`));
    if (line.startsWith('{"error"')) {
      // It could not start and is about to end; why is on its stderr.
      await ended;
      throw this.#failed.signal.reason;
    }
    return line;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    const all = [...this.#running.values()];
    for (const { child } of all) child.kill('SIGTERM');
    const patience = setTimeout(() => {
      for (const { child } of all) child.kill('SIGKILL');
    }, 5_000);
    await Promise.all(all.map(({ ended }) => ended));
    clearTimeout(patience);
  }
}
