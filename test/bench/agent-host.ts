// Several agents in one process, each with its own file, its own connections and its own socket: for benches that need more
// nodes than this machine has room for processes. Prints one line when all of them serve; ends with its standard input.
import { readAgentConfig } from '#runtime/config/agent-config.ts';
import { systemClock } from '#runtime/clock.ts';
import { createLogger } from '#runtime/logger.ts';
import { startAgent } from '#services/agent/main.ts';

const logger = createLogger({ level: 'error' });
const { signal } = new AbortController();
const configs = process.argv.slice(2).map(readAgentConfig);
await Promise.all(configs.map((config) => startAgent(config, { clock: systemClock, logger, signal })));
process.stdout.write(`${JSON.stringify({ sockets: configs.map(({ workloadApi }) => workloadApi) })}\n`);
process.stdin.on('end', () => process.exit(0)).resume();
