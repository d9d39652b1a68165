import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';

export interface CaProcessOptions {
  /** Holds configuration and state; the same folder again is the same authority again. */
  readonly folder: string;
  readonly database?: string;
  /** No file may grow beyond it: what a full disk looks like to a process. `prlimit` lifts it. */
  readonly fileLimitKiB?: number;
}

/** `garrison ca` as a process of its own, on free ports. */
export class CaProcess implements AsyncDisposable {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly addresses: Readonly<Record<string, string>>;

  private constructor(folder: string, child: ChildProcess, addresses: Record<string, string>) {
    this.folder = folder;
    this.child = child;
    this.addresses = addresses;
  }

  /** When it is ready. */
  static async start(options: CaProcessOptions): Promise<CaProcess> {
    const { folder, database, fileLimitKiB } = options;
    mkdirSync(folder, { recursive: true });
    const config = join(folder, 'garrison.yaml');
    writeFileSync(join(folder, 'passphrase'), 'open sesame\n', { mode: 0o600 });
    const shared = database === undefined ? '' : `, database: ${JSON.stringify(database)}`;
    const ca = `{ listen: "127.0.0.1:0", admin: "127.0.0.1:0"${shared} }`;
    writeFileSync(config, `state: ./state\npassphraseFile: ./passphrase\nlogLevel: silent\nca: ${ca}\n`);
    const main = join(import.meta.dirname, '../../cli/main.ts');
    const args = [main, 'ca', '--config', config, '--output', 'json'];
    const env = { ...process.env, NODE_OPTIONS: '' };
    const [program = '', ...rest] = [...limited(fileLimitKiB), process.execPath, ...args];
    const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'inherit'], env });
    for await (const line of createInterface(child.stdout)) {
      const { addresses } = JSON.parse(line) as { addresses?: Record<string, string> };
      if (addresses !== undefined) return new CaProcess(folder, child, addresses);
    }
    throw new Error('the CA ended before it was ready');
  }

  admin(): IdentityAdminClient {
    const path = join(this.folder, 'state', adminSocket);
    return grpcClient(IdentityAdminClient, { path }, { kind: 'plaintext' });
  }

  /** Status and text of an admin page. */
  async page(path: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://${this.addresses['caAdmin'] ?? ''}${path}`);
    return { status: answer.status, text: await answer.text() };
  }

  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return;
    const ended = once(this.child, 'exit');
    this.child.kill(signal);
    await ended;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.end('SIGTERM');
  }
}

function limited(fileLimitKiB: number | undefined): string[] {
  return fileLimitKiB === undefined ? [] : ['bash', '-c', `ulimit -S -f ${fileLimitKiB}; exec "$0" "$@"`];
}
