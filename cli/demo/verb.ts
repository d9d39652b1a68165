import { join } from 'node:path';
import { installation } from '../installation.ts';
import { declareVerb } from '../verb.ts';
import { programsOf } from './mesh.ts';
import { runDemo } from './run-demo.ts';

export const verb = declareVerb({
  name: 'demo',
  summary: 'Bookinfo with enforced identities and policies on loopback, as a story of requests',
  flags: {
    once: { kind: 'boolean', describe: 'walk the story and end; exit 0 only if every step went as told' },
    keep: { kind: 'boolean', describe: 'leave the folder of this run behind: policies, configuration, logs' },
  },
  example: 'garrison demo --once',
  async run({ flags, output, env, clock, signal }) {
    const here = installation();
    const asTold = await runDemo({
      once: flags.once,
      keep: flags.keep,
      programs: programsOf(here),
      policies: join(here.root, 'examples/bookinfo/policies'),
      environment: env,
      processId: process.pid,
      signal,
      elapsedMs: () => clock.monotonicMs(),
      now: () => clock.now(),
      write: (text) => (output.json ? output.note(text.trimEnd()) : output.result(undefined, text)),
    });
    if (output.json) output.result({ asTold }, '');
    return asTold ? 0 : 1;
  },
});
