import path from 'node:path';
import type { Snapshot } from '#runtime/read-files.ts';
import { watchFiles } from '#runtime/watch-files.ts';
import type { Output } from '../../output.ts';
import { printError } from '../../output.ts';
import { declareVerb } from '../../verb.ts';
import { profileFlag, readProfiles } from '../profile-flag.ts';
import { runOnce } from './run-once.ts';
import type { Ran, TestRun } from './run-once.ts';

export const verb = declareVerb({
  name: 'policy test',
  summary: 'run case files against the documents they name',
  positionals: 'FILE|DIR…',
  minPositionals: 1,
  flags: {
    profile: { ...profileFlag, describe: 'instead of what each suite names; of the mesh or of one namespace' },
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
      profiles: readProfiles(flags.profile),
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

/** Runs, and again whenever what lies there is not what was read. What suites name may be other after a run than before it. */
async function watch(once: () => TestRun, output: Output, signal: AbortSignal): Promise<void> {
  const attempt = async (): Promise<Omit<Ran, 'code'>> => {
    try {
      return await runOnce(once(), output);
    } catch (error) {
      printError(error, output);
      return { named: [], read: new Map() };
    }
  };
  const { paths, cwd } = once();
  // Watching files keeps no process alive by itself.
  const alive = setInterval(() => undefined, 3_600_000);
  using _end = { [Symbol.dispose]: () => clearInterval(alive) };
  let ran = await attempt();
  while (!signal.aborted) {
    const { named } = ran;
    for await (const { files } of watchFiles([...paths.map((each) => path.resolve(cwd, each)), ...named], signal)) {
      if (!isWhatWasRead(files, ran.read)) ran = await attempt();
      if (ran.named.join('\n') !== named.join('\n')) break;
    }
  }
}

function isWhatWasRead(files: Snapshot['files'], read: Ran['read']): boolean {
  const same = ({ name, text }: Snapshot['files'][number]): boolean => {
    const before = read.get(name);
    return before !== undefined && Buffer.from(before).equals(text);
  };
  return files.length === read.size && files.every(same);
}
