import type { Writable } from 'node:stream';
import type { Logger } from '#runtime/logger.ts';
import type { Metrics } from '#runtime/metrics.ts';
import type { AccessLogSettings } from '#services/telemetry/settings.ts';
import { FileSink } from './file-sink.ts';
import { LineQueue } from './line-sink.ts';
import { StreamSink } from './stream-sink.ts';

/** UTF-16 units of log lines that may wait for a slow disk. */
const maxWaiting = 16 * 1024 * 1024;

export interface AccessLogWorld {
  readonly stdout: Writable;
  readonly logger: Logger;
  readonly metrics: Metrics;
}

/** The access log as configured. What it loses is counted, and said once until it works again. */
export async function openAccessLog(settings: AccessLogSettings, world: AccessLogWorld): Promise<LineQueue> {
  const { stdout, logger, metrics } = world;
  const dropped = metrics.counter('garrison_access_log_dropped_total', 'access log lines that could not be written', [
    'reason',
  ]);
  let told: string | undefined;
  return new LineQueue({
    sink: settings.file === '-' ? new StreamSink(stdout) : await FileSink.create(settings),
    maxWaiting,
    onDropped: (lines, error) => {
      const reason = error === undefined ? 'queue full' : 'write failed';
      dropped.increment({ reason }, lines);
      if (told !== reason) logger.warn('access log lines are lost', { reason, error });
      told = reason;
    },
  });
}
