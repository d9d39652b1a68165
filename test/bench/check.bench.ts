// node test/bench/check.bench.ts [--baseline FILE]
import { connect as connectHttp2 } from 'node:http2';
import { loadPolicies } from '#policies/documents/index.ts';
import { compile, decide } from '#policies/index.ts';
import { encodeAttributes, readCheckRequest, writeCheckResponse } from '#proto/attributes/index.ts';
import { CheckRequest, MixerService } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { systemClock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { silentLogger } from '#runtime/logger.ts';
import { createCheck } from '#services/authz/check.ts';
import { Revisions } from '#services/authz/revisions.ts';
import { measure, publish, summary } from '#test/bench/harness.ts';
import type { Measurement } from '#test/bench/harness.ts';
import { checkBag } from '#test/bench/corpus.ts';
import { randomUUID } from 'node:crypto';

const documents = (rules: number): string =>
  Array.from(
    { length: rules },
    (_, i) => `
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: p${i}, namespace: default }
spec:
  action: ALLOW
  rules:
    - from: [ { source: { principals: [ cluster.local/ns/default/sa/${i === 0 ? 'bookinfo-productpage' : `sa-${i}`} ] } } ]
      to: [ { operation: { methods: [ GET ], paths: [ /reviews/*, /p${i} ] } } ]
`,
  ).join('---\n');

async function revisionsWith(rules: number): Promise<Revisions> {
  const revisions = new Revisions({}, systemClock, { load: () => undefined, save: () => undefined });
  const outcome = await revisions.apply([{ name: 'bench.yaml', text: documents(rules) }]);
  if (outcome !== 'activated') throw new Error(JSON.stringify(revisions.refusal?.faults.slice(0, 3)));
  return revisions;
}

const request = Buffer.from(
  CheckRequest.encode({
    attributes: encodeAttributes(checkBag),
    globalWordCount: 222,
    deduplicationId: 'd-1',
    quotas: new Map(),
  }).finish(),
);
const peer = { spiffeId: undefined, certificate: undefined, address: '127.0.0.1', port: 1, unix: undefined };
const ignore = (): void => undefined;
const options = { newId: () => randomUUID(), onDecided: ignore, onFailed: ignore };

const results: Measurement[] = [];
for (const rules of [10, 1_000]) {
  const revisions = await revisionsWith(rules);
  const check = createCheck({ ...options, revisions });
  const bytesToBytes = (): Uint8Array => {
    const response = check(readCheckRequest(request), { peer });
    // What the attributes alone decide costs no promise.
    if (response instanceof Promise) throw new Error('the check waits');
    return writeCheckResponse(response);
  };
  const loaded = loadPolicies([{ name: 'bench.yaml', text: documents(rules) }]);
  if (!loaded.ok) throw new Error('the documents are sound');
  const program = compile(loaded.set, 1);
  results.push(
    measure(`decide, ${rules} rules`, () => decide(program, checkBag)),
    measure(`decide and references, ${rules} rules`, () => decide(program, checkBag).referenced),
    measure(`Check in process, bytes to bytes, ${rules} rules`, bytesToBytes),
  );
}
results.push(await overHttp2(await revisionsWith(1_000), 16));
publish('check', results, { requestBytes: request.length });

/** Calls per second and latency with so many in flight, client and server in this one process. */
async function overHttp2(revisions: Revisions, inFlight: number): Promise<Measurement> {
  const check = createCheck({ ...options, revisions });
  const method = { ...MixerService.check, requestDeserialize: readCheckRequest, responseSerialize: writeCheckResponse };
  await using server = new GrpcServer({ logger: silentLogger }).unary<CheckRequest, CheckResponse>(method, check);
  const address = await server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'plaintext' });
  const session = connectHttp2(`http://127.0.0.1:${'port' in address ? address.port : 0}`);
  const framed = Buffer.concat([Buffer.alloc(5), request]);
  framed.writeUInt32BE(request.length, 1);
  const call = (): Promise<void> =>
    new Promise((resolve, reject) => {
      const headers = { ':method': 'POST', ':path': method.path, 'content-type': 'application/grpc', te: 'trailers' };
      const stream = session.request(headers);
      stream.on('error', reject).on('close', resolve).resume();
      stream.end(framed);
    });
  const latencies: number[] = [];
  const worker = async (until: number, keep: boolean): Promise<void> => {
    while (performance.now() < until) {
      const start = performance.now();
      await call();
      if (keep) latencies.push((performance.now() - start) * 1_000);
    }
  };
  const run = (ms: number, keep: boolean): Promise<unknown> => {
    const until = performance.now() + ms;
    return Promise.all(Array.from({ length: inFlight }, () => worker(until, keep)));
  };
  await run(1_000, false);
  const start = performance.now();
  await run(3_000, true);
  const spent = performance.now() - start;
  session.close();
  return summary(
    `Check over HTTP/2, client and server in one process, ${inFlight} in flight`,
    latencies,
    latencies.length,
    spent,
  );
}
