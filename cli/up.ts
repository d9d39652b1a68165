import { startAuthz } from '#services/authz/main.ts';
import { startCa } from '#services/ca/main.ts';
import { startTelemetry } from '#services/telemetry/main.ts';
import { dialable } from '#runtime/address.ts';
import { aborted, serveUntil } from '#runtime/lifecycle.ts';
import { sayReady } from './ready-line.ts';
import { configFlag, openServiceWorld, published } from './service-world.ts';
import { tellOfDocuments } from './tell-documents.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'up',
  summary: 'all services of the mesh in one process: certificate authority, authorization, telemetry',
  flags: {
    config: configFlag,
    once: { kind: 'boolean', describe: 'end as soon as everything serves: does this configuration work?' },
  },
  example: 'garrison up --config ./garrison.yaml',
  async run(invocation) {
    const { flags, output, signal } = invocation;
    const world = openServiceWorld(flags.config, invocation);
    const { config, secrets, state, clock, logger } = world;
    const enough = new AbortController();
    const documents = { refused: false };
    const until = AbortSignal.any([signal, enough.signal]);
    const drained = await serveUntil(until, async () => {
      await using starting = new AsyncDisposableStack();
      const named = (service: string) => ({ clock, logger: logger.child({ service }), signal });
      const ca = starting.use(await startCa(config, secrets, named('ca')));
      const address = dialable(ca.addresses.ca);
      const authz = starting.use(await startAuthz(config, address, named('authz')));
      const telemetry = starting.use(await startTelemetry(config, address, named('telemetry')));
      const addresses = { ...ca.addresses, ...authz.addresses, ...telemetry.addresses };
      const all = starting.move();
      // The documents of the start are in force or refused by now; refused, this configuration does not work.
      documents.refused = flags.once && authz.revisions.refusal !== undefined;
      if (documents.refused) enough.abort();
      else tellOfDocuments(output, config, authz);
      const serving = await published(state, { addresses, [Symbol.asyncDispose]: () => all.disposeAsync() });
      const ready = Promise.all([ca, authz, telemetry].map(({ admin }) => admin.readiness.ready()));
      await Promise.race([ready, aborted(until)]);
      if (!until.aborted) sayReady(output, addresses, { revision: authz.revisions.current?.number });
      if (flags.once) enough.abort();
      return serving;
    });
    if (!drained) output.note('garrison: some requests were still under way at the end and were cut');
    if (documents.refused)
      output.note('garrison: the documents are refused, see above; `garrison policy validate` tells every fault');
    return documents.refused ? 1 : 0;
  },
});
