import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Metadata, type ClientReadableStream } from '@grpc/grpc-js';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { SpiffeWorkloadAPIClient, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { nodeRegistration } from '#test/fakes/node-documents.ts';
import { ownUid } from '#test/fakes/own-uid.ts';

/** An authority as a process of its own, and agents in others; the benches hold the streams. */
export class NodeMesh implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), 'gbn-'));
  readonly children: ChildProcess[] = [];
  #admin: IdentityAdminClient | undefined;
  #ca = '';

  constructor() {
    // Whatever becomes of the bench, its processes go with it.
    process.on('exit', () => this[Symbol.dispose]());
    process.on('SIGTERM', () => process.exit(1));
    mkdirSync(join(this.folder, 'policies'));
  }

  /** Documents for a node and for as many workloads as are to run there. */
  writeNode(node: string, workloads: number): void {
    const texts = [nodeRegistration(node, [`spiffe://example.org/ns/${node}/*`])];
    for (let at = 0; at < workloads; at += 1) texts.push(workload(node, `w${at}`));
    this.writePolicy(node, texts.join('---\n'));
  }

  writePolicy(name: string, text: string): void {
    writeFileSync(join(this.folder, 'policies', `${name}.yaml`), text);
  }

  async startAuthority(): Promise<void> {
    writeFileSync(
      join(this.folder, 'garrison.yaml'),
      'trustDomain: example.org\nstate: ./state\nlogLevel: error\nca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\n',
    );
    const file = join(this.folder, 'garrison.yaml');
    const line = await this.#start('../../cli/main.ts', ['ca', '--config', file, '--output', 'json']);
    this.#ca = (JSON.parse(line) as { addresses: { ca: string } }).addresses.ca;
    this.#admin = grpcClient(
      IdentityAdminClient,
      { path: join(this.folder, 'state', adminSocket) },
      { kind: 'plaintext' },
    );
  }

  get admin(): IdentityAdminClient {
    if (this.#admin === undefined) throw new Error('start the authority first');
    return this.#admin;
  }

  /** The agents of these nodes, in one process; their sockets. */
  async startAgents(nodes: readonly string[]): Promise<readonly string[]> {
    const files = nodes.map(async (node) => {
      const folder = join(this.folder, node);
      mkdirSync(folder);
      const order = { spiffeId: '', name: node, dnsNames: [], ttlSeconds: 0 };
      const { token } = await callUnary(this.admin.createToken.bind(this.admin), order);
      writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
      const text = `ca: ${this.#ca}\njoin: { token: ./token }\nadmin: 127.0.0.1:0\nstate: ./s\n`;
      writeFileSync(join(folder, 'agent.yaml'), text);
      return join(folder, 'agent.yaml');
    });
    const line = await this.#start('agent-host.ts', await Promise.all(files));
    return (JSON.parse(line) as { sockets: string[] }).sockets;
  }

  change(step: string, id = ''): Promise<Authority> {
    return callUnary(this.admin.changeAuthority.bind(this.admin), { step, id });
  }

  async authorityIn(state: string): Promise<string> {
    const { authorities } = await callUnary(this.admin.listAuthorities.bind(this.admin), {});
    return authorities.find((one) => one.state === state)?.id ?? '';
  }

  [Symbol.dispose](): void {
    this.#admin?.close();
    for (const child of this.children) child.kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async #start(program: string, args: readonly string[]): Promise<string> {
    const child = spawn(process.execPath, [join(import.meta.dirname, program), ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.children.push(child);
    for await (const line of createInterface(child.stdout)) return line;
    throw new Error(`${program} ended before it was ready`);
  }
}

export function workload(node: string, name: string): string {
  return `apiVersion: garrison.dev/v1
kind: Registration
metadata: { name: ${name}, namespace: ${node} }
spec: { serviceAccount: ${name}, selectors: ["${ownUid}"] }
`;
}

/** An open stream of a node's socket, and what it said last. */
export class Holder {
  readonly #stream: ClientReadableStream<X509SVIDResponse>;
  readonly #waiting = new Set<() => void>();
  last: X509SVIDResponse | undefined;

  constructor(socket: string) {
    const client = grpcClient(
      SpiffeWorkloadAPIClient,
      { path: socket },
      { kind: 'plaintext' },
      // No pings: on a machine that is too busy they would end what is to be measured.
      { 'grpc.max_receive_message_length': 64 << 20, 'grpc.keepalive_time_ms': 2 ** 31 - 1 },
    );
    const header = new Metadata();
    header.set('workload.spiffe.io', 'true');
    this.#stream = client.fetchX509Svid({}, header);
    this.#stream.on('error', (error) => {
      throw error;
    });
    this.#stream.on('data', (message: X509SVIDResponse) => {
      this.last = message;
      for (const wake of this.#waiting) wake();
    });
  }

  /** Resolves with the time at which the newest message met a condition. */
  async until(holds: (message: X509SVIDResponse) => boolean): Promise<number> {
    while (this.last === undefined || !holds(this.last)) {
      await new Promise<void>((resolve) => {
        const wake = (): void => {
          this.#waiting.delete(wake);
          resolve();
        };
        this.#waiting.add(wake);
      });
    }
    return performance.now();
  }
}
