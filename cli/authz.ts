import { startAuthz } from '#services/authz/main.ts';
import { serveUntil } from '#runtime/lifecycle.ts';
import { sayReady } from './ready-line.ts';
import { configFlag, findCa, openServiceWorld, published } from './service-world.ts';
import { tellOfDocuments } from './tell-documents.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'authz',
  summary: 'the authorization service as a process of its own',
  flags: { config: configFlag },
  example: 'garrison authz --config ./garrison.yaml',
  async run(invocation) {
    const { flags, output, signal } = invocation;
    const world = openServiceWorld(flags.config, invocation);
    await serveUntil(signal, async () => {
      const authz = await startAuthz(world.config, findCa(world), { ...world, signal });
      tellOfDocuments(output, world.config, authz);
      const serving = await published(world.state, authz);
      sayReady(output, authz.addresses, { revision: authz.revisions.current?.number });
      return serving;
    });
    return 0;
  },
});
