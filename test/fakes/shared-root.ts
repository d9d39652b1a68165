import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serialOf } from '#ca/issue/serial.ts';
import { IdentityAdminClient, type Authority } from '#proto/gen/garrison/v1/identity.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Identity, IdentitySource } from '#runtime/identity-source.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { create, joinToken } from './certificate-client.ts';
import { OpensslAuthority, plugIn } from './openssl-authority.ts';
import { runCa, type RunningCa } from './running-ca.ts';

/** A CA whose authority `issuing 1` was plugged in; `issuing 2` under the same root may take over, and `issuing 1` be tainted. */
export class SharedRoot implements AsyncDisposable {
  readonly running: RunningCa;
  /** What `issuing 1` signs with, for whoever has stolen it. */
  readonly older: { readonly certificate: string; readonly key: string };
  readonly #admin: IdentityAdminClient;
  readonly #takeOver: () => void;
  readonly #cleanUp: AsyncDisposableStack;

  private constructor(
    running: RunningCa,
    older: { readonly certificate: string; readonly key: string },
    admin: IdentityAdminClient,
    takeOver: () => void,
    cleanUp: AsyncDisposableStack,
  ) {
    this.running = running;
    this.older = older;
    this.#admin = admin;
    this.#takeOver = takeOver;
    this.#cleanUp = cleanUp;
  }

  static async open(policies: Readonly<Record<string, string>>): Promise<SharedRoot> {
    await using opening = new AsyncDisposableStack();
    const corp = opening.use(new OpensslAuthority());
    const root = corp.root('one root', 'ec');
    const [older, newer] = [corp.under(root, 'issuing 1'), corp.under(root, 'issuing 2')];
    const folder = mkdtempSync(join(tmpdir(), 'gca-'));
    opening.defer(() => rmSync(folder, { recursive: true }));
    const files = join(folder, 'cacerts');
    mkdirSync(files);
    plugIn(files, older, [root]);
    const running = opening.use(await runCa({ folder, settings: { pluggedIn: files }, policies }));
    const admin = grpcClient(IdentityAdminClient, { path: join(running.state, adminSocket) }, { kind: 'plaintext' });
    opening.defer(() => admin.close());
    return new SharedRoot(running, older, admin, () => plugIn(files, newer, [root]), opening.move());
  }

  /** The name of `issuing 1`. */
  async taintOlder(): Promise<string> {
    this.#takeOver();
    let old: Authority | undefined;
    while (old === undefined) {
      const { authorities } = await callUnary(this.#admin.listAuthorities.bind(this.#admin), {});
      old = authorities.find(({ state }) => state === 'old');
    }
    await callUnary(this.#admin.changeAuthority.bind(this.#admin), { step: 'taint', id: old.id });
    return old.id;
  }

  /** `issuing 1` is worth nothing from now on, though its root is sound. */
  async revoke(id: string): Promise<void> {
    await callUnary(this.#admin.changeAuthority.bind(this.#admin), { step: 'revoke', id });
  }

  /** Whatever else is told of trust from here on says again which authorities are spent; resolves when these have heard it. */
  async tellMore(heard: readonly IdentitySource[]): Promise<void> {
    for (const name of ['a', 'b', 'c']) {
      const bearer = await joinToken(this.running, { spiffeId: `spiffe://example.org/ns/shop/sa/${name}` });
      const [leaf] = await create(this.running, { bearer });
      const serial = serialOf({ serialNumber: leaf?.serialNumber ?? '' });
      await this.#revokeSerial(serial);
      for (const one of heard) await until(one, ({ revoked }) => revoked?.has(serial) === true);
    }
  }

  /** Takes back the certificate that somebody has. */
  revokeCertificate({ certificates: [leaf = ''] }: Identity): Promise<void> {
    return this.#revokeSerial(serialOf(new X509Certificate(leaf)));
  }

  async #revokeSerial(serial: string): Promise<void> {
    const order = { serial, spiffeId: '', reason: 'a test' };
    await callUnary(this.#admin.revokeCertificate.bind(this.#admin), order);
  }

  /** How many certificates an identity was given. */
  async issued(spiffeId: string): Promise<number> {
    const filter = { spiffeId, caller: '', state: '', from: undefined, to: undefined, before: 0n, limit: 0 };
    return (await callUnary(this.#admin.listCertificates.bind(this.#admin), filter)).certificates.length;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#cleanUp.disposeAsync();
  }
}

export const issuerOf = ({ certificates: [leaf = ''] }: Pick<Identity, 'certificates'>): string =>
  new X509Certificate(leaf).issuer;

/** Waits until what a source gives meets a condition. */
export async function until(source: IdentitySource, holds: (current: Identity) => boolean): Promise<void> {
  while (!holds(source.current())) {
    await new Promise<void>((resolve) => {
      const stop = source.onChange(() => {
        stop();
        resolve();
      });
    });
  }
}
