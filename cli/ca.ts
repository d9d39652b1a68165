import { startCa } from '#services/ca/main.ts';
import { serveUntil } from '#runtime/lifecycle.ts';
import { sayReady } from './ready-line.ts';
import { configFlag, openServiceWorld, published } from './service-world.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'ca',
  summary: 'the certificate authority as a process of its own',
  flags: { config: configFlag },
  example: 'garrison ca --config ./garrison.yaml',
  async run(invocation) {
    const { flags, output, signal } = invocation;
    const world = openServiceWorld(flags.config, invocation);
    await serveUntil(signal, async () => {
      const ca = await startCa(world.config, world.secrets, { ...world, signal });
      const serving = await published(world.state, ca);
      sayReady(output, ca.addresses);
      return serving;
    });
    return 0;
  },
});
