import type { AttributeBag } from '#proto/attributes/index.ts';
import { type DropReason, ReportBatcher } from '#proto/client/index.ts';
import type { ReportRequest, ReportResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { Clock } from '#runtime/clock.ts';

/** Takes what happened; never waits, never throws. */
export interface Reporter {
  add(bag: AttributeBag): void;
}

export interface ReporterOptions {
  /** One call of Mixer.Report; rejects when it failed. */
  readonly send: (request: ReportRequest) => Promise<ReportResponse>;
  readonly clock: Clock;
  readonly onDropped: (count: number, reason: DropReason) => void;
  /** How many elements of a refused batch were kept all the same. */
  readonly keptOf: (error: unknown) => number;
}

export function batchingReporter({ send, clock, onDropped, keptOf }: ReporterOptions): Reporter & AsyncDisposable {
  return new ReportBatcher({
    send: async (request) => {
      await send(request);
    },
    sleep: (ms, signal) => clock.sleep(ms, signal),
    onDropped,
    keptOf,
  });
}
