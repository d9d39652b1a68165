import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, linkSync, mkdirSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { systemClock } from '#runtime/clock.ts';
import { envoyProgram } from './python-peers.ts';

/** A real Envoy, under a path of its own, so that the kernel can tell it from others. */
export class Envoy implements AsyncDisposable {
  readonly program: string;
  readonly #child: ChildProcess;
  readonly #admin: string;

  private constructor(program: string, child: ChildProcess, admin: string) {
    this.program = program;
    this.#child = child;
    this.#admin = admin;
  }

  static async start(folder: string, config: unknown): Promise<Envoy> {
    const program = programIn(folder);
    const file = join(folder, 'envoy.json');
    writeFileSync(file, JSON.stringify(config));
    const port = join(folder, 'admin');
    const args = ['-c', file, '--admin-address-path', port, '--use-dynamic-base-id', '--concurrency', '1'];
    const child = spawn(program, [...args, '--log-level', process.env['TEST_LOG'] ?? 'error'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    const changes = watch(folder);
    let admin = readIfThere(port);
    while (admin === '') {
      await Promise.race([once(changes, 'change'), once(child, 'exit')]);
      if (child.exitCode !== null) throw new Error('Envoy ended before it was ready');
      admin = readIfThere(port);
    }
    changes.close();
    const envoy = new Envoy(program, child, `http://${admin}`);
    // Its listeners open when their secrets are there.
    while (!(await envoy.ask('/ready')).startsWith('LIVE')) await systemClock.sleep(50);
    return envoy;
  }

  async ask(page: string): Promise<string> {
    const answer = await fetch(`${this.#admin}${page}`);
    return await answer.text();
  }

  /** Counters and gauges whose whole name matches. */
  async stats(filter: string): Promise<Record<string, number>> {
    const lines = (await this.ask(`/stats?filter=${encodeURIComponent(filter)}`)).trim().split('\n');
    return Object.fromEntries(lines.map((line) => line.split(': ')).map(([name = '', value]) => [name, Number(value)]));
  }

  async port(listener: string): Promise<number> {
    const { listener_statuses: all } = JSON.parse(await this.ask('/listeners?format=json')) as {
      listener_statuses: { name: string; local_address: { socket_address: { port_value: number } } }[];
    };
    return all.find(({ name }) => name === listener)?.local_address.socket_address.port_value ?? 0;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const ended = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await ended;
  }
}

/** The path under which the Envoy of a folder runs. */
export function programIn(folder: string): string {
  mkdirSync(folder, { recursive: true });
  const program = join(folder, 'envoy');
  try {
    linkSync(envoyProgram(), program);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return program;
    copyFileSync(envoyProgram(), program);
  }
  return program;
}

function readIfThere(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
