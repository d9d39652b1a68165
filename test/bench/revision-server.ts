// The process that revision.bench.ts asks: Check over HTTP/2, while what it decides by is replaced.
import { randomUUID } from 'node:crypto';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { readCheckRequest, writeCheckResponse } from '#proto/attributes/index.ts';
import { MixerService } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { CheckRequest, CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { systemClock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { inSlices } from '#runtime/in-slices.ts';
import { silentLogger } from '#runtime/logger.ts';
import { finish } from '#schema/index.ts';
import { createCheck } from '#services/authz/check.ts';
import { Revisions } from '#services/authz/revisions.ts';
import type { PolicyFile } from '#services/authz/revisions.ts';

export interface Replaced {
  readonly beganNs: string;
  readonly endedNs: string;
  /** Milliseconds for which the collector held everything up, longest first. */
  readonly pausesMs: readonly number[];
  /** Of each slice, the collector's pauses included: how long a check that comes at a bad moment waits. */
  readonly slicesUs: readonly number[];
  /** Microseconds of each call of the handler that was answered meanwhile. */
  readonly servedUs: readonly number[];
}

const [, , kind = 'slices'] = process.argv;
let slices: number[] = [];
let sliceBegan = 0;

async function turn(): Promise<void> {
  slices.push((performance.now() - sliceBegan) * 1_000);
  await turnOfTheLoop();
  sliceBegan = performance.now();
}

const revisions = new Revisions(
  {},
  systemClock,
  { load: () => undefined, save: () => undefined },
  { run: (steps) => (kind === 'whole' ? Promise.resolve(finish(steps)) : inSlices(steps, { turn })) },
);
const check = createCheck({
  revisions,
  newId: () => randomUUID(),
  onDecided: () => undefined,
  onFailed: (error) => {
    throw error;
  },
});
let served: number[] = [];
let pauses: number[] = [];
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) pauses.push(duration);
}).observe({ entryTypes: ['gc'] });

const server = new GrpcServer({ logger: silentLogger }).unary<CheckRequest, CheckResponse>(
  { ...MixerService.check, requestDeserialize: readCheckRequest, responseSerialize: writeCheckResponse },
  (request, context) => {
    const start = performance.now();
    const response = check(request, context);
    served.push((performance.now() - start) * 1_000);
    return response;
  },
);
const address = await server.listen({ host: '127.0.0.1', port: 0 }, { kind: 'plaintext' });
process.send?.({ port: 'port' in address ? address.port : 0 });

/** Replaces the revision, or with no files does nothing for a while: what it takes is to be compared with that. */
process.on('message', ({ files, idleMs }: { files?: PolicyFile[]; idleMs?: number }) => {
  void (async () => {
    // What receiving the files itself costs is not the product's.
    await systemClock.sleep(200);
    served = [];
    pauses = [];
    slices = [];
    sliceBegan = performance.now();
    const beganNs = process.hrtime.bigint();
    if (files !== undefined) {
      const outcome = await revisions.apply(files);
      if (outcome !== 'activated') throw new Error(JSON.stringify(revisions.refusal?.faults.slice(0, 3)));
    } else {
      await systemClock.sleep(idleMs ?? 1_000);
    }
    const endedNs = process.hrtime.bigint();
    const [servedUs, slicesUs] = [served, slices];
    // The observer is told of a pause a turn later.
    await systemClock.sleep(50);
    const result: Replaced = {
      beganNs: String(beganNs),
      endedNs: String(endedNs),
      pausesMs: pauses.toSorted((a, b) => b - a),
      slicesUs,
      servedUs,
    };
    process.send?.(result);
  })();
});
