import type { Address } from '#runtime/address.ts';
import type { Config } from '#runtime/config/config.ts';
import { showConfig } from '#runtime/config/show-config.ts';

export interface TelemetrySettings {
  /** mTLS: reports of sidecars. */
  readonly listen: Address;
  /** Plaintext for tools of this host. */
  readonly local: Address | undefined;
  /** The audit's answers for tools of this host; undefined is off. */
  readonly http: Address | undefined;
  readonly admin: Address;
  /** How long records stay; undefined is for good. */
  readonly retentionMs: number | undefined;
  readonly accessLog: AccessLogSettings | undefined;
  readonly metrics: {
    readonly maxSeries: number;
    readonly idleMs: number;
    readonly bytes: boolean;
    readonly cluster: string;
  };
  /** The configuration as `/config` shows it, without secrets. */
  readonly shown: unknown;
}

export interface AccessLogSettings {
  /** `-` is standard output. */
  readonly file: string;
  readonly maxBytes: number;
  readonly keep: number;
}

export function telemetrySettings(config: Config): TelemetrySettings {
  return { ...config.telemetry, shown: showConfig(config) };
}
