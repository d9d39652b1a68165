import type { AgentConfig } from '#runtime/config/agent-config.ts';
import type { Clock } from '#runtime/clock.ts';
import { aborted } from '#runtime/lifecycle.ts';
import type { Logger } from '#runtime/logger.ts';
import { Metrics } from '#runtime/metrics.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { type Agent, composeAgent } from './compose.ts';

export interface AgentWorld {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Ends the waiting for an authority. */
  readonly signal: AbortSignal;
}

/** `garrison agent`: the agent of one node. Resolves when it knows what it may hand out. */
export async function startAgent(config: AgentConfig, { clock, logger, signal }: AgentWorld): Promise<Agent> {
  const metrics = new Metrics();
  metrics.collectProcessMetrics();
  const state = StateFolder.open(config.state);
  const agent = await composeAgent(config, { state, clock, logger, metrics, signal, random: Math.random });
  await Promise.race([agent.admin.readiness.ready(), aborted(signal)]);
  return agent;
}
