import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';

const launcher = path.resolve(import.meta.dirname, '../../bin/garrison.js');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A run of the real command, from the outside. Whatever becomes of the test, it is ended with it. */
export class Command implements AsyncDisposable {
  readonly child: ChildProcess;
  readonly #ended: Promise<Ended>;
  readonly #lines: AsyncIterator<string>;
  #stdout = '';
  #stderr = '';

  constructor(args: readonly string[], options: { cwd: string; program?: readonly string[]; env?: NodeJS.ProcessEnv }) {
    const [file = process.execPath, ...first] = options.program ?? [process.execPath, launcher];
    const { NODE_OPTIONS: _jest, ...env } = options.env ?? process.env;
    this.child = spawn(file, [...first, ...args], { cwd: options.cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    const { stdout, stderr } = this.child;
    if (stdout === null || stderr === null) throw new Error('no pipes');
    stdout.on('data', (chunk: Buffer) => (this.#stdout += chunk.toString()));
    stderr.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()));
    this.#lines = createInterface({ input: stdout })[Symbol.asyncIterator]();
    this.#ended = once(this.child, 'close').then(() => ({
      code: this.child.exitCode,
      stdout: this.#stdout,
      stderr: this.#stderr,
    }));
  }

  /** The next line of standard output; throws with what was said on standard error when there is none. */
  async line(): Promise<string> {
    const { value, done } = (await this.#lines.next()) as IteratorResult<string, undefined>;
    if (done !== true) return value;
    const { code, stderr } = await this.#ended;
    throw new Error(`ended with ${String(code)}: ${stderr}`);
  }

  ended(): Promise<Ended> {
    return this.#ended;
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.#ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null) this.child.kill('SIGKILL');
    await this.#ended;
  }
}

export function run(args: readonly string[], cwd: string): Promise<Ended> {
  return new Command(args, { cwd }).ended();
}

/** A fresh folder with these files in it. */
export function folderWith(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'garrison-'));
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text);
  return folder;
}

/** Every port a free one, so that tests may run beside each other and beside a mesh. */
export const anyPorts = `
ca: { listen: 127.0.0.1:0, admin: 127.0.0.1:0 }
authz: { listen: 127.0.0.1:0, local: 127.0.0.1:0, http: null, admin: 127.0.0.1:0 }
telemetry: { listen: 127.0.0.1:0, local: 127.0.0.1:0, http: 127.0.0.1:0, admin: 127.0.0.1:0 }
`;
