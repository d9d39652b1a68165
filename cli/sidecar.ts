import path from 'node:path';
import { startSidecar } from '#services/sidecar/main.ts';
import { readSidecarConfig } from '#runtime/config/sidecar-config.ts';
import { serveUntil } from '#runtime/lifecycle.ts';
import { createLogger } from '#runtime/logger.ts';
import { sayReady } from './ready-line.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'sidecar',
  summary: 'the proxy beside one workload: mutual TLS, checks, reports',
  flags: { config: { kind: 'string', value: 'FILE', required: true, describe: 'the file of this sidecar' } },
  example: 'garrison sidecar --config ./reviews-v1.yaml',
  async run({ flags, output, cwd, clock, signal }) {
    const config = readSidecarConfig(path.resolve(cwd, flags.config));
    const logger = createLogger({ level: config.logLevel });
    await serveUntil(
      signal,
      async () => {
        const sidecar = await startSidecar(config, { clock, logger, signal });
        sayReady(output, sidecar.addresses);
        return sidecar;
      },
      config.drainMs + 5000,
    );
    return 0;
  },
});
