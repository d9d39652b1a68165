import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { profiles } from '#policies/documents/index.ts';
import type { Profile } from '#policies/documents/index.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import type { Output } from '../../output.ts';
import { printError } from '../../output.ts';
import { declareVerb } from '../../verb.ts';
import { runOnce } from './run-once.ts';
import type { TestRun } from './run-once.ts';

export const verb = declareVerb({
  name: 'policy test',
  summary: 'run case files against the documents they name',
  positionals: 'FILE|DIR…',
  minPositionals: 1,
  flags: {
    profile: { kind: 'string', value: 'strict|istio', describe: 'instead of the profile each suite names' },
    coverage: { kind: 'boolean', describe: 'also tell which rules no case is decided by' },
    watch: { kind: 'boolean', describe: 'run again whenever a file changes, until interrupted' },
  },
  forms: ['tree', 'json', 'junit', 'github', 'text'],
  example: 'garrison policy test ./policies --coverage',
  async run(invocation) {
    const { flags, positionals, output, form, cwd, clock } = invocation;
    const once = (): TestRun => ({
      paths: positionals,
      cwd,
      profile: readProfile(flags.profile),
      coverage: flags.coverage,
      form: form === 'text' ? 'tree' : form,
      nowMs: clock.now().getTime(),
    });
    if (!flags.watch) return (await runOnce(once(), output)).code;
    // Asked for here and not above: to ask is to take over what Ctrl-C does.
    await watch(once, output, invocation.signal);
    return 0;
  },
});

function readProfile(name: string | undefined): Profile | undefined {
  if (name === undefined) return undefined;
  const known = profiles.find((profile) => profile === name);
  if (known !== undefined) return known;
  throw new GarrisonError('INVALID_ARGUMENT', `\`--profile ${name}\` is neither \`strict\` nor \`istio\``, {
    remedy: 'leave it out to run each suite in its own profile',
  });
}

/** The files that suites name are known after the first run only; those that a later edit adds are watched at the next start. */
async function watch(once: () => TestRun, output: Output, signal: AbortSignal): Promise<void> {
  const attempt = async (): Promise<readonly string[]> => {
    try {
      return (await runOnce(once(), output)).named;
    } catch (error) {
      printError(error, output);
      return [];
    }
  };
  const { paths, cwd } = once();
  const named = await attempt();
  let first = true;
  // Watching files keeps no process alive by itself.
  const alive = setInterval(() => undefined, 3_600_000);
  using _end = { [Symbol.dispose]: () => clearInterval(alive) };
  for await (const _change of watchFiles([...paths.map((each) => path.resolve(cwd, each)), ...named], signal)) {
    if (!first) await attempt();
    first = false;
  }
}
