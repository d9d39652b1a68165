import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { encodeAttributes, globalWords } from '#proto/attributes/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { Decision } from '#proto/gen/garrison/v1/decision.ts';
import { RevisionsClient } from '#proto/gen/garrison/v1/revisions.ts';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { CheckRequest, CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { formatAddress } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import type { Clock } from '#runtime/clock.ts';
import type { KeysConfig } from '#runtime/config/issuer-keys-config.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { createLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeAuthz } from '#services/authz/compose.ts';
import type { Authz } from '#services/authz/compose.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';

const anyPort = { host: '127.0.0.1', port: 0 };

export interface MeshOptions {
  /** File name → text; undefined: the folder is not there. */
  readonly policies?: Readonly<Record<string, string>> | undefined;
  readonly policiesNamed?: boolean;
  readonly keys?: Partial<KeysConfig>;
  readonly clock?: Clock;
  readonly pki?: TestPki;
  /** Takes over an earlier mesh's folders. */
  readonly folder?: string;
}

/** A real authorization service on free ports, with a policy folder to edit. */
export class AuthzMesh implements AsyncDisposable {
  readonly folder: string;
  readonly pki: TestPki;
  readonly logged: string[];
  readonly authz: Authz;
  readonly #closing: (() => void)[] = [];

  private constructor(folder: string, pki: TestPki, logged: string[], authz: Authz) {
    this.folder = folder;
    this.pki = pki;
    this.logged = logged;
    this.authz = authz;
  }

  static async start(options: MeshOptions = {}): Promise<AuthzMesh> {
    const folder = options.folder ?? mkdtempSync(path.join(tmpdir(), 'garrison-authz-'));
    const pki = options.pki ?? (await TestPki.create());
    const policies = path.join(folder, 'policies');
    if (options.policies !== undefined) mkdirSync(policies, { recursive: true });
    for (const [name, text] of Object.entries(options.policies ?? {})) writeFileSync(path.join(policies, name), text);
    const logged: string[] = [];
    const authz = await composeAuthz(
      {
        policies: [policies],
        policiesNamed: options.policiesNamed ?? true,
        mesh: { trustDomain: 'cluster.local' },
        listen: anyPort,
        local: anyPort,
        admin: anyPort,
        keys: { allow: [], authorities: undefined, maxStaleMs: 3_600_000, ...options.keys },
        shown: { trustDomain: 'cluster.local' },
      },
      {
        identity: staticIdentity(await pki.identity('spiffe://cluster.local/garrison/authz')),
        state: StateFolder.open(path.join(folder, 'state')),
        clock: options.clock ?? systemClock,
        logger: createLogger({ write: (line) => logged.push(line) }),
      },
    );
    return new AuthzMesh(folder, pki, logged, authz);
  }

  /** Replaces a file at once, as editors and volumes do; undefined removes it. */
  write(name: string, text: string | Uint8Array | undefined): void {
    const file = path.join(this.folder, 'policies', name);
    if (text === undefined) {
      rmSync(file);
      return;
    }
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
  }

  /** A client with the SVID, or a plaintext one on the local address. */
  async client(spiffeId?: string): Promise<MixerClient> {
    const client = grpcClient(MixerClient, this.#addressFor(spiffeId), await this.#securityFor(spiffeId));
    this.#closing.push(() => client.close());
    return client;
  }

  async revisionsClient(spiffeId: string): Promise<RevisionsClient> {
    const client = grpcClient(RevisionsClient, this.#addressFor(spiffeId), await this.#securityFor(spiffeId));
    this.#closing.push(() => client.close());
    return client;
  }

  async admin(page: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`http://${formatAddress(this.authz.addresses.authzAdmin)}${page}`);
    return { status: response.status, text: await response.text() };
  }

  /** Resolves when the policies are as `holds` wants them: after each look at the admin page, until the test's own deadline. */
  async until(holds: (revision: Record<string, unknown>) => boolean): Promise<Record<string, unknown>> {
    for (;;) {
      const page = JSON.parse((await this.admin('/revision')).text) as Record<string, unknown>;
      if (holds(page)) return page;
      await systemClock.sleep(10);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing) close();
    await this.authz[Symbol.asyncDispose]();
  }

  /** Removes what the mesh kept: for the last user of its folder. */
  forget(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  #addressFor(spiffeId: string | undefined) {
    const { authz, authzLocal } = this.authz.addresses;
    return spiffeId === undefined ? (authzLocal ?? authz) : authz;
  }

  async #securityFor(spiffeId: string | undefined) {
    if (spiffeId === undefined) return { kind: 'plaintext' } as const;
    const identity = staticIdentity(await this.pki.identity(spiffeId));
    return { kind: 'tls', identity, expect: ({ path }: { path: string }) => path === '/garrison/authz' } as const;
  }
}

export function checkRequest(bag: AttributeBag, more: Partial<CheckRequest> = {}): CheckRequest {
  return {
    attributes: encodeAttributes(bag),
    globalWordCount: globalWords.length,
    deduplicationId: 'test',
    quotas: new Map(),
    ...more,
  };
}

export const ask = (client: MixerClient, request: CheckRequest): Promise<CheckResponse> =>
  callUnary(client.check.bind(client), request);

export function decisionOf(response: CheckResponse): Decision {
  const detail = response.precondition?.status?.details[0];
  if (detail === undefined) throw new Error('the answer carries no decision');
  return Decision.decode(detail.value);
}
