import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Address } from '#runtime/address.ts';
import { readAgentConfig } from '#runtime/config/agent-config.ts';
import { systemClock, type Clock } from '#runtime/clock.ts';
import { createLogger, silentLogger } from '#runtime/logger.ts';
import { formatAddress } from '#runtime/address.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { composeAgent, type Agent } from '#services/agent/compose.ts';

export interface RunningAgent extends AsyncDisposable {
  readonly agent: Agent;
  readonly folder: string;
  readonly socket: string;
  /** Puts a join token in its place. */
  writeToken(token: string): void;
}

export interface RunningAgentOptions {
  readonly ca: Address | readonly Address[];
  readonly token?: string;
  /** Its file's `join`; by the token in its folder when absent. */
  readonly join?: string;
  /** Further lines of its file. */
  readonly more?: string;
  readonly folder?: string;
  readonly clock?: Clock;
  /** Does not wait until it is ready. */
  readonly early?: boolean;
}

/** The text of an agent's file with everything in its folder and any free port. */
export function agentFile(ca: Address | readonly Address[], join = '{ token: ./token }'): string {
  const places = 'length' in ca ? `[ ${ca.map(formatAddress).join(', ')} ]` : formatAddress(ca);
  return `ca: ${places}\njoin: ${join}\nadmin: 127.0.0.1:0\nstate: ./state\n`;
}

/** A real agent on a free port, with its own folder; the folder goes with it unless it was given. */
export async function runAgent(options: RunningAgentOptions): Promise<RunningAgent> {
  const folder = options.folder ?? mkdtempSync(join(tmpdir(), 'gag-'));
  const file = join(folder, 'agent.yaml');
  writeFileSync(file, agentFile(options.ca, options.join) + (options.more ?? ''));
  const writeToken = (token: string): void => writeFileSync(join(folder, 'token'), token, { mode: 0o600 });
  if (options.token !== undefined) writeToken(options.token);
  const config = readAgentConfig(file);
  const logger = process.env['TEST_LOG'] === undefined ? silentLogger : createLogger({ level: 'debug' });
  const stop = new AbortController();
  const agent = await composeAgent(config, {
    state: StateFolder.open(config.state),
    clock: options.clock ?? systemClock,
    logger,
    signal: stop.signal,
    random: Math.random,
  });
  if (options.early !== true) await agent.admin.readiness.ready();
  return {
    agent,
    folder,
    socket: config.workloadApi,
    writeToken,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await agent[Symbol.asyncDispose]();
      if (options.folder === undefined) rmSync(folder, { recursive: true });
    },
  };
}
