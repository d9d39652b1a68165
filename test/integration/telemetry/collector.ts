import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { PassThrough } from 'node:stream';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { ReportRequest } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { isUnix } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { systemClock } from '#runtime/clock.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Identity } from '#runtime/identity-source.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { silentLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeTelemetry } from '#services/telemetry/compose.ts';
import type { Telemetry } from '#services/telemetry/compose.ts';
import type { TelemetrySettings } from '#services/telemetry/settings.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';

export const anyPort: Address = { host: '127.0.0.1', port: 0 };
export const reviews = 'spiffe://cluster.local/ns/default/sa/bookinfo-reviews';

/** A collector in this process, over real mTLS, with what a test asks of it. */
export class Collector implements AsyncDisposable {
  readonly pki: TestPki;
  readonly telemetry: Telemetry;
  readonly folder: string;

  private constructor(pki: TestPki, telemetry: Telemetry, folder: string) {
    this.pki = pki;
    this.telemetry = telemetry;
    this.folder = folder;
  }

  static async start(changes: Partial<TelemetrySettings> = {}, folder?: string): Promise<Collector> {
    const pki = await TestPki.create();
    const state = folder ?? mkdtempSync(path.join(tmpdir(), 'garrison-telemetry-'));
    const settings: TelemetrySettings = {
      listen: anyPort,
      local: anyPort,
      http: anyPort,
      admin: anyPort,
      retentionMs: undefined,
      accessLog: undefined,
      metrics: { maxSeries: 100, idleMs: 3_600_000, bytes: true, cluster: 'Kubernetes' },
      shown: {},
      ...changes,
    };
    const telemetry = await composeTelemetry(settings, {
      identity: staticIdentity(await pki.identity('spiffe://cluster.local/garrison/telemetry')),
      state: StateFolder.open(state),
      clock: systemClock,
      logger: silentLogger,
      stdout: new PassThrough().resume(),
    });
    return new Collector(pki, telemetry, state);
  }

  /** Reports over mTLS as that workload. */
  async report(request: ReportRequest, as = reviews, shown?: Identity): Promise<void> {
    const identity = staticIdentity(shown ?? (await this.pki.identity(as)));
    const expect = (id: { readonly path: string }): boolean => id.path === '/garrison/telemetry';
    const client = grpcClient(MixerClient, this.telemetry.addresses.telemetry, { kind: 'tls', identity, expect });
    try {
      await callUnary(client.report.bind(client), request);
    } finally {
      client.close();
    }
  }

  async reportLocally(request: ReportRequest): Promise<void> {
    const { telemetryLocal = anyPort } = this.telemetry.addresses;
    const client = grpcClient(MixerClient, telemetryLocal, { kind: 'plaintext' });
    try {
      await callUnary(client.report.bind(client), request);
    } finally {
      client.close();
    }
  }

  async get(path: string): Promise<{ status: number; json: Record<string, unknown> }> {
    const response = await fetch(`${urlOf(this.telemetry.addresses.telemetryHttp)}${path}`);
    return { status: response.status, json: (await response.json()) as Record<string, unknown> };
  }

  async admin(path: string): Promise<{ status: number; text: string }> {
    const response = await fetch(`${urlOf(this.telemetry.addresses.telemetryAdmin)}${path}`);
    return { status: response.status, text: await response.text() };
  }

  async decisions(): Promise<unknown[]> {
    const { json } = await this.get('/audit/records?limit=1000');
    return (json['records'] as { decision?: string }[]).map(({ decision }) => decision).reverse();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.telemetry[Symbol.asyncDispose]();
  }
}

export function urlOf(address: Address | undefined): string {
  if (address === undefined || isUnix(address)) throw new Error('expected a TCP address');
  return `http://${address.host}:${address.port}`;
}
