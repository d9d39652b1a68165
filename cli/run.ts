import { GarrisonError } from '#proto/errors/index.ts';
import { formOf, readArguments, wantsJson } from './arguments.ts';
import { helpOf, helpOfAll } from './help.ts';
import { nearest } from '#schema/index.ts';
import { type Streams, createOutput, printError } from './output.ts';
import type { ExitCode, Invocation, Verb } from './verb.ts';
import { verbs } from './verbs.ts';

export type World = Pick<Invocation, 'env' | 'cwd' | 'stdin' | 'clock' | 'signal'> &
  Streams & { readonly version: string };

/** One run of the command: find the verb, read its flags, run it, print what went wrong. Never throws. */
export async function run(args: readonly string[], world: World): Promise<ExitCode> {
  const output = createOutput(wantsJson(args), world);
  try {
    const [first] = args;
    if (first === '--version') {
      output.result({ version: world.version }, world.version);
      return 0;
    }
    if (first === undefined || first === '--help' || first === 'help') {
      output.result({ verbs: Object.keys(verbs) }, helpOfAll(await loadAll(Object.keys(verbs))));
      return first === undefined ? 2 : 0;
    }
    const found = await find(args);
    if (typeof found === 'string') {
      output.result({ verbs: groupOf(found) }, helpOfAll(await loadAll(groupOf(found))));
      return args.includes('--help') ? 0 : 2;
    }
    const { flags, positionals } = readArguments(found.verb, found.rest);
    if (flags['help'] === true) {
      output.result(
        { name: found.verb.name, summary: found.verb.summary, example: found.verb.example },
        helpOf(found.verb),
      );
      return 0;
    }
    const { env, cwd, stdin, clock, version } = world;
    const form = formOf(found.verb, flags['output'] as string | undefined);
    const given = { flags: flags as Invocation['flags'], positionals, output, form, env, cwd, stdin, clock, version };
    // A getter, because to ask for the signal is to take over from the system what Ctrl-C does.
    return await found.verb.run({
      ...given,
      get signal() {
        return world.signal;
      },
    });
  } catch (error) {
    printError(error, output);
    return 2;
  }
}

/** The verb with what follows it, or the name of a group (`policy`) when only that is given. */
async function find(args: readonly string[]): Promise<{ verb: Verb; rest: readonly string[] } | string> {
  const [first = '', second = '', third = ''] = args;
  for (const name of [`${first} ${second} ${third}`, `${first} ${second}`, first]) {
    const load = Object.hasOwn(verbs, name) ? verbs[name] : undefined;
    if (load !== undefined) return { verb: (await load()).verb, rest: args.slice(name.split(' ').length) };
  }
  const group = groupOf(first);
  if (group.length > 0 && (second === '' || second.startsWith('-'))) return first;
  const written = group.length > 0 ? `${first} ${second}` : first;
  const candidates =
    group.length > 0 ? group : [...new Set(Object.keys(verbs).flatMap((n) => [n, n.split(' ')[0] ?? n]))];
  const meant = nearest(written, candidates);
  throw new GarrisonError('INVALID_ARGUMENT', `\`${written}\` is not a verb of garrison`, {
    remedy: meant === undefined ? '`garrison --help` lists them' : `did you mean \`garrison ${meant}\`?`,
  });
}

const groupOf = (name: string): string[] => Object.keys(verbs).filter((verb) => verb.startsWith(`${name} `));

const loadAll = (names: readonly string[]): Promise<Verb[]> =>
  Promise.all(names.map(async (name) => (await verbs[name]?.())?.verb)).then((all) =>
    all.filter((v) => v !== undefined),
  );
