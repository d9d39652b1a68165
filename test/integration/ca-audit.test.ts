import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from '@jest/globals';
import { writeRequest } from '#ca/csr/write-request.ts';
import { systemClock } from '#runtime/clock.ts';
import { readConfig } from '#runtime/config/config.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { silentLogger } from '#runtime/logger.ts';
import { adminSocket } from '#services/ca/admin/admin-socket.ts';
import { startCa } from '#services/ca/main.ts';
import { startTelemetry } from '#services/telemetry/main.ts';
import { publishAddresses } from '#runtime/addresses-file.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { IdentityAdminClient } from '#proto/gen/garrison/v1/identity.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { dialable, formatAddress } from '#runtime/address.ts';
import { newSigner } from '#test/fakes/test-authority.ts';

const folder = mkdtempSync(join(tmpdir(), 'gau-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Kept {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly reporter: { readonly principal: string };
  readonly requestId: string;
}

test('what the ledger holds comes to the audit log, from before telemetry ran and after it was away', async () => {
  const file = join(folder, 'garrison.yaml');
  const free = '"127.0.0.1:0"';
  writeFileSync(
    file,
    `trustDomain: example.org\nstate: ./state\nca: { listen: ${free}, admin: ${free} }
telemetry: { listen: ${free}, http: ${free}, admin: ${free}, accessLog: { file: ./access.log } }\n`,
  );
  const config = readConfig({ path: file, env: {}, cwd: folder });
  const state = StateFolder.open(config.state);
  const stop = new AbortController();
  const world = { clock: systemClock, logger: silentLogger, signal: stop.signal };
  await using all = new AsyncDisposableStack();
  all.defer(() => stop.abort());
  const ca = all.use(await startCa(config, { passphrase: undefined }, world));
  const admin = grpcClient(IdentityAdminClient, { path: state.join(adminSocket) }, { kind: 'plaintext' });
  all.defer(() => admin.close());
  const csr = Buffer.from(await writeRequest(newSigner()));
  const mint = async (name: string): Promise<string> => {
    const order = { spiffeId: `spiffe://example.org/ns/a/sa/${name}`, dnsNames: [], ttlSeconds: 0, csr };
    return (await callUnary(admin.mint.bind(admin), order)).serial;
  };
  const before = await mint('before');

  /** Runs telemetry until the audit holds these events of these serials. */
  const hears = async (...wanted: readonly (readonly [string, string])[]): Promise<Kept[]> => {
    await using telemetry = await startTelemetry(config, dialable(ca.addresses.ca), world);
    await publishAddresses(state, telemetry.addresses);
    for (;;) {
      const http = telemetry.addresses.telemetryHttp;
      if (http === undefined) throw new Error('telemetry answers no questions');
      const answer = await fetch(`http://${formatAddress(http)}/audit/records?limit=1000`);
      const { records } = (await answer.json()) as { records: Kept[] };
      const ids = new Set(records.map(({ requestId }) => requestId));
      if (wanted.every(([event, serial]) => ids.has(`${event}-${serial}`))) return records;
      await new Promise((next) => setTimeout(next, 50));
    }
  };

  const first = await hears(['issued', before]);
  const record = first.find(({ requestId }) => requestId === `issued-${before}`);
  expect(record?.reporter.principal).toBe('example.org/garrison/ca');
  expect(record?.attributes).toMatchObject({
    'garrison.identity.event': 'issued',
    'garrison.identity.spiffe_id': 'spiffe://example.org/ns/a/sa/before',
    'garrison.identity.caller': 'admin',
  });
  const meanwhile = await mint('meanwhile');
  await callUnary(admin.revokeCertificate.bind(admin), { serial: before, spiffeId: '', reason: 'lost' });
  const second = await hears(['issued', meanwhile], ['revoked', before]);
  const ids = second.map(({ requestId }) => requestId);
  expect(new Set(ids).size).toBe(ids.length);
}, 60_000);
