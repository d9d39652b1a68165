import { startTelemetry } from '#services/telemetry/main.ts';
import { serveUntil } from '#runtime/lifecycle.ts';
import { sayReady } from './ready-line.ts';
import { configFlag, findCa, openServiceWorld, published } from './service-world.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'telemetry',
  summary: 'the telemetry collector as a process of its own',
  flags: { config: configFlag },
  example: 'garrison telemetry --config ./garrison.yaml',
  async run(invocation) {
    const { flags, output, signal } = invocation;
    const world = openServiceWorld(flags.config, invocation);
    await serveUntil(signal, async () => {
      const telemetry = await startTelemetry(world.config, findCa(world), { ...world, signal });
      const serving = await published(world.state, telemetry);
      sayReady(output, telemetry.addresses);
      return serving;
    });
    return 0;
  },
});
