// node test/bench/jwt.bench.ts [--baseline FILE]
// JWT-SVIDs a second: the signature alone, what jose adds, what the record adds, and all of it over the Workload API.
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Metadata } from '@grpc/grpc-js';
import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import { mintJwt, type JwtRequest } from '#ca/jwt/mint-jwt.ts';
import { keySigner } from '#ca/keys/signer.ts';
import { parseSpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';
import { SpiffeWorkloadAPIClient } from '#proto/gen/spiffe/workload/workload.ts';
import { systemClock } from '#runtime/clock.ts';
import { openDatabase } from '#runtime/database.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import type { Authorities } from '#services/ca/authority/authorities.ts';
import type { IssuingDesk } from '#services/ca/issuing/desk.ts';
import { SqliteLedger } from '#services/ca/ledger/sqlite-ledger.ts';
import { ownSvids } from '#services/ca/serving/own-svids.ts';
import { measure, processorMs, publish, summary, type Measurement } from '#test/bench/harness.ts';
import { Command } from '#test/fakes/command.ts';
import { ownUid } from '#test/fakes/own-uid.ts';
import { registration } from '#test/fakes/running-ca.ts';

const folder = mkdtempSync(join(tmpdir(), 'gbj-'));
const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const { kid } = jwtKeyOf(publicKey.export({ format: 'der', type: 'spki' }));
const jwt = { kid, signer: keySigner(privateKey) };
const spiffeId = 'spiffe://example.org/ns/shop/sa/cart';
const request: JwtRequest = { id: parseSpiffeId(spiffeId), audience: ['db'], now: new Date(), seconds: 300 };
const bytes = Buffer.alloc(200, 1);

const results: Measurement[] = [
  measure('limit: node:crypto P-256 sign', () => sign('sha256', bytes, { key: privateKey, dsaEncoding: 'ieee-p1363' })),
  await inFlight('minted by jose', 1, () => mintJwt(request, jwt)),
  await inFlight('minted by jose', 64, () => mintJwt(request, jwt)),
];
const ledger = new SqliteLedger(openDatabase(join(folder, 'ledger.db'), { durable: true }));
const source = ownSvids({
  // What mints asks of these two nothing else.
  desk: undefined as unknown as IssuingDesk,
  authorities: { active: () => ({ signers: { jwt } }), jwt: [] } as unknown as Authorities,
  ledger,
  issuer: undefined,
  clock: systemClock,
  onMinted: () => undefined,
});
const entry = { spiffeId, metadata: { namespace: 'shop', name: 'cart' } } as Registration;
for (const many of [1, 64]) {
  results.push(
    await inFlight('minted and on the record, SQLite synced', many, () => source.mintJwt(entry, ['db'], 'unix:uid=1')),
  );
}
const server = await overTheWorkloadApi();
publish('jwt', results, { server });
rmSync(folder, { recursive: true });
process.exit(0);

async function inFlight(name: string, many: number, run: () => unknown): Promise<Measurement> {
  const latencies: number[] = [];
  const started = performance.now();
  const worker = async (): Promise<void> => {
    while (performance.now() < started + (name === 'warm-up' ? 6000 : 3000)) {
      const start = performance.now();
      await run();
      latencies.push((performance.now() - start) * 1000);
    }
  };
  await Promise.all(Array.from({ length: many }, worker));
  return summary(`${name}, ${many} in flight`, latencies, latencies.length, performance.now() - started);
}

/** FetchJWTSVID of an authority that is a process of its own; what counts is its processor time, for the client is slower. */
async function overTheWorkloadApi(): Promise<Record<string, number>> {
  mkdirSync(join(folder, 'policies'));
  writeFileSync(join(folder, 'policies/1.yaml'), registration('cart', 'cart', [ownUid]));
  const ca = 'ca: { listen: "127.0.0.1:0", admin: "127.0.0.1:0" }\nlogLevel: warn\n';
  writeFileSync(join(folder, 'garrison.yaml'), `trustDomain: example.org\nstate: ./s\npolicies: [ ./policies ]\n${ca}`);
  await using command = new Command(['ca'], { cwd: folder });
  await command.line();
  const metadata = new Metadata();
  metadata.set('workload.spiffe.io', 'true');
  const client = grpcClient(SpiffeWorkloadAPIClient, { path: join(folder, 's/workload.sock') }, { kind: 'plaintext' });
  const ask = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.fetchJwtsvid({ audience: ['db'], spiffeId: '' }, metadata, (error) => (error ? reject(error) : resolve()));
    });
  await inFlight('warm-up', 64, ask);
  const measured: Record<string, number> = {};
  for (const many of [1, 64]) {
    const before = processorMs(command.child);
    const result = await inFlight('FetchJWTSVID over the unix socket', many, ask);
    const spent = processorMs(command.child) - before;
    results.push(result);
    measured[`perProcessorSecond, ${many} in flight`] = Math.round((result.samples * 1000) / spent);
  }
  client.close();
  return measured;
}
