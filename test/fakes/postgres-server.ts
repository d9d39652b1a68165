import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { accessSync, chownSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';

/** PostgreSQL refuses to run as root. */
const nobody = 65_534;

/** A PostgreSQL of its own on a unix socket, from the Debian package; gone when disposed. */
export class PostgresServer implements AsyncDisposable {
  readonly folder: string;
  readonly #bin: string;
  #process: ChildProcess | undefined;
  #databases = 0;

  private constructor(bin: string, folder: string) {
    this.#bin = bin;
    this.folder = folder;
  }

  static async start(): Promise<PostgresServer> {
    const folder = mkdtempSync(join(tmpdir(), 'gpg-'));
    if (process.getuid?.() === 0) chownSync(folder, nobody, nobody);
    const server = new PostgresServer(findBinaries(), folder);
    const args = ['-D', join(folder, 'data'), '-U', 'garrison', '-A', 'trust', '--locale=C.UTF-8', '-N'];
    const made = spawnSync(join(server.#bin, 'initdb'), args, { ...server.#asUser(), encoding: 'utf8' });
    if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`);
    await server.up();
    return server;
  }

  /** Starts it (again) and waits until it answers. */
  async up(): Promise<void> {
    const settings = ['listen_addresses=', `unix_socket_directories=${this.folder}`, 'max_connections=60'];
    const args = ['-D', join(this.folder, 'data'), ...settings.flatMap((setting) => ['-c', setting])];
    this.#process = spawn(join(this.#bin, 'postgres'), args, {
      ...this.#asUser(),
      stdio: ['ignore', 'ignore', 'ignore'],
    });
    for (;;) {
      const client = new Client({ connectionString: this.url('postgres') });
      client.on('error', () => undefined);
      try {
        await client.connect();
        await client.end();
        return;
      } catch {
        if (this.#process.exitCode !== null) throw new Error('postgres ended at its start');
        await new Promise((next) => setTimeout(next, 50));
      }
    }
  }

  /** As if the machine lost power: no checkpoint, connections broken. */
  async kill(): Promise<void> {
    const server = this.#process;
    if (server === undefined || server.exitCode !== null) return;
    const ended = once(server, 'exit');
    // SIGQUIT is PostgreSQL’s immediate shutdown: it takes its children along, which SIGKILL would leave behind.
    server.kill('SIGQUIT');
    await ended;
  }

  url(database: string): string {
    return `postgres://garrison@/${database}?host=${encodeURIComponent(this.folder)}`;
  }

  /** An empty database. */
  async database(): Promise<string> {
    const name = `ledger${(this.#databases += 1)}`;
    await this.query('postgres', `CREATE DATABASE ${name} TEMPLATE template0`);
    return this.url(name);
  }

  async query(database: string, sql: string): Promise<Record<string, unknown>[]> {
    const client = new Client({ connectionString: this.url(database) });
    await client.connect();
    try {
      return (await client.query<Record<string, unknown>>(sql)).rows;
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #asUser(): { uid?: number; gid?: number; cwd: string } {
    return process.getuid?.() === 0 ? { uid: nobody, gid: nobody, cwd: this.folder } : { cwd: this.folder };
  }
}

/** Debian keeps the server's programs off the path, one folder for each version. */
function findBinaries(): string {
  const base = '/usr/lib/postgresql';
  const versions = readFolder(base).sort((a, b) => Number(b) - Number(a));
  const folders = [...versions.map((version) => join(base, version, 'bin')), ...(process.env['PATH'] ?? '').split(':')];
  const found = folders.find((folder) => isThere(join(folder, 'initdb')) && isThere(join(folder, 'postgres')));
  if (found === undefined) throw new Error('PostgreSQL is missing: install the package `postgresql`');
  return found;
}

function readFolder(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function isThere(file: string): boolean {
  try {
    accessSync(file);
    return true;
  } catch {
    return false;
  }
}
