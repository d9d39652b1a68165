import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { SpiffeWorkloadAPIService, type X509SVIDResponse } from '#proto/gen/spiffe/workload/workload.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { Changes } from '#services/workload/changes.ts';

/** What a test has the endpoint say: a message, or an error that ends the stream. */
export type Said = X509SVIDResponse | GarrisonError;

/** A Workload API that says what a test wants, and can go away and come back. */
export class WorkloadEndpoint implements AsyncDisposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'gwe-'));
  readonly #changes = new Changes();
  #said: Said;
  #server: GrpcServer | undefined;
  /** How often a stream was opened. */
  opened = 0;

  constructor(said: Said) {
    this.#said = said;
  }

  get address(): string {
    return `unix://${join(this.#folder, 'w.sock')}`;
  }

  say(said: Said): void {
    this.#said = said;
    this.#changes.bump();
  }

  async come(): Promise<this> {
    const [changes, said, opened] = [this.#changes, () => this.#said, () => (this.opened += 1)];
    this.#server = new GrpcServer({ logger: silentLogger, drainMs: 100 }).serverStream(
      SpiffeWorkloadAPIService.fetchX509Svid,
      async function* (_, { signal, metadata }) {
        opened();
        if (metadata.get('workload.spiffe.io') !== 'true') throw new GarrisonError('INVALID_ARGUMENT', 'no header');
        while (!signal.aborted) {
          const seen = changes.version;
          const now = said();
          if (now instanceof GarrisonError) throw now;
          yield now;
          await changes.after(seen, signal);
        }
      },
    );
    await this.#server.listen({ path: join(this.#folder, 'w.sock') }, { kind: 'plaintext' });
    return this;
  }

  async go(): Promise<void> {
    await this.#server?.[Symbol.asyncDispose]();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.go();
    rmSync(this.#folder, { recursive: true });
  }
}

const der = (pem: string): Buffer => new X509Certificate(pem).raw;

/** A message of FetchX509SVID about these identities, with bundles of other trust domains. */
export function x509Message(
  identities: readonly (Identity & { hint?: string })[],
  federated: Readonly<Record<string, readonly string[]>> = {},
): X509SVIDResponse {
  return {
    svids: identities.map(({ spiffeId, certificates, privateKey, bundle, hint = '' }) => ({
      spiffeId: spiffeId.toString(),
      x509Svid: Buffer.concat(certificates.map(der)),
      x509SvidKey: createPrivateKey(privateKey).export({ format: 'der', type: 'pkcs8' }),
      bundle: Buffer.concat(bundle.map(der)),
      hint,
    })),
    crl: [],
    federatedBundles: new Map(
      Object.entries(federated).map(([name, roots]) => [`spiffe://${name}`, Buffer.concat(roots.map(der))]),
    ),
  };
}
