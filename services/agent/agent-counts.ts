import type { Metrics } from '#runtime/metrics.ts';
import type { Clock } from '#runtime/clock.ts';
import type { AgentCore } from './agent-core.ts';

/** The agent's metrics, all in one place. */
export class AgentCounts {
  #streams = 0;

  get streams(): number {
    return this.#streams;
  }

  streamOpened(): () => void {
    this.#streams += 1;
    return () => {
      this.#streams -= 1;
    };
  }

  observe(
    metrics: Metrics,
    { identity, authority, registrations, keeper, source, trust }: AgentCore,
    clock: Clock,
  ): void {
    const gauges: readonly (readonly [name: string, help: string, read: () => number])[] = [
      ['workload_streams', 'Open streams of workloads', () => this.#streams],
      ['entries', 'Registrations that this node may hand out', () => registrations.current?.length ?? 0],
      ['svids', 'X.509-SVIDs in memory', () => keeper.size.kept],
      ['svids_held', 'X.509-SVIDs that a workload holds at the moment', () => keeper.size.held],
      ['tokens', 'JWT-SVIDs in memory', () => source.size],
      ['connected', 'Whether the stream from the authority is open', () => Number(authority.connected)],
      ['authority_problems', 'How often the stream from the authority broke or did not open', () => authority.problems],
      ['bundle_sequence', 'Sequence of the trust bundle in force', () => Number(trust.sequence)],
      [
        'identity_expiry_seconds',
        'Seconds until the certificate of the node ends',
        () => Math.floor((identity.current().expiresAt.getTime() - clock.now().getTime()) / 1000),
      ],
    ];
    for (const [name, help, read] of gauges) metrics.observedGauge(`garrison_agent_${name}`, help, read);
  }
}
