import { grpcStatus } from '#proto/errors/index.ts';
import type { Metrics } from '../metrics.ts';

const names = Object.keys(grpcStatus);

/** Finished calls by method and status. Plain arrays, because it is counted on the hot path; rendered when scraped. */
export class CallCounts {
  readonly #byMethod = new Map<string, number[]>();

  readonly finished = (path: string, code: number): void => {
    let counts = this.#byMethod.get(path);
    if (counts === undefined) this.#byMethod.set(path, (counts = new Array<number>(names.length).fill(0)));
    counts[code] = (counts[code] ?? 0) + 1;
  };

  exposeOn(metrics: Metrics): void {
    metrics.append(() => this.exposition());
  }

  exposition(): string {
    const lines = ['# HELP garrison_grpc_calls_total Finished gRPC calls', '# TYPE garrison_grpc_calls_total counter'];
    for (const [path, counts] of this.#byMethod) {
      for (const [code, count] of counts.entries()) {
        if (count > 0) lines.push(`garrison_grpc_calls_total{method="${path}",code="${names[code] ?? ''}"} ${count}`);
      }
    }
    return lines.join('\n');
  }
}
