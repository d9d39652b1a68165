import path from 'node:path';
import { readAgentConfig } from '#runtime/config/agent-config.ts';
import { serveUntil } from '#runtime/lifecycle.ts';
import { createLogger } from '#runtime/logger.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { startAgent } from '#services/agent/main.ts';
import { sayReady } from './ready-line.ts';
import { published } from './service-world.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'agent',
  summary: 'the agent of a node: gives the workloads that run there their identities',
  flags: { config: { kind: 'string', value: 'FILE', required: true, describe: 'the file of this agent' } },
  example: 'garrison agent --config ./agent.yaml',
  async run({ flags, output, cwd, clock, signal }) {
    const config = readAgentConfig(path.resolve(cwd, flags.config));
    const logger = createLogger({ level: config.logLevel });
    await serveUntil(
      signal,
      async () => {
        const agent = await startAgent(config, { clock, logger, signal });
        const serving = await published(StateFolder.open(config.state), agent);
        sayReady(output, agent.addresses);
        return serving;
      },
      config.drainMs + 5000,
    );
    return 0;
  },
});
