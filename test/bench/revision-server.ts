// The process that revision.bench.ts asks: Check over HTTP/2, while the files of the folder that it decides by are replaced.
import { randomUUID } from 'node:crypto';
import { EventEmitter, on, once } from 'node:events';
import { PerformanceObserver } from 'node:perf_hooks';
import { setImmediate as turnOfTheLoop } from 'node:timers/promises';
import { readCheckRequest, writeCheckResponse } from '#proto/attributes/index.ts';
import { MixerService } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { CheckRequest, CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { systemClock } from '#runtime/clock.ts';
import { GrpcServer } from '#runtime/grpc/server.ts';
import { inSlices } from '#runtime/in-slices.ts';
import { silentLogger } from '#runtime/logger.ts';
import { readFilesSteps } from '#runtime/read-files.ts';
import type { Snapshot } from '#runtime/read-files.ts';
import { finish } from '#schema/index.ts';
import { createCheck } from '#services/authz/check.ts';
import { followFiles } from '#services/authz/follow-files.ts';
import { Revisions } from '#services/authz/revisions.ts';

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

const [, , kind = 'slices', folder = '.'] = process.argv;
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

/** What lies in the folder, each time that it is asked for. */
const asked = new EventEmitter<{ read: []; applied: [] }>();
async function* snapshots(): AsyncGenerator<Snapshot, void, void> {
  for await (const _ of on(asked, 'read')) yield await inSlices(readFilesSteps([folder]), { turn });
}
void followFiles(snapshots(), revisions, { logger: silentLogger, onApplied: () => asked.emit('applied') });

async function replace(): Promise<void> {
  const before = revisions.current?.number ?? 0;
  const applied = once(asked, 'applied');
  asked.emit('read');
  await applied;
  if (revisions.current?.number !== before + 1) throw new Error(JSON.stringify(revisions.refusal?.faults.slice(0, 3)));
}

/** Puts in force what lies in the folder, or does nothing for a while: what the one takes is to be compared with the other. */
process.on('message', ({ idleMs }: { idleMs?: number }) => {
  void (async () => {
    served = [];
    pauses = [];
    slices = [];
    sliceBegan = performance.now();
    const beganNs = process.hrtime.bigint();
    if (idleMs === undefined) await replace();
    else await systemClock.sleep(idleMs);
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
