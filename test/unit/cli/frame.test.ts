import { describe, expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import { readArguments } from '#cli/arguments.ts';
import { helpOf } from '#cli/help.ts';
import { createOutput, printError } from '#cli/output.ts';
import { run } from '#cli/run.ts';
import { declareVerb } from '#cli/verb.ts';
import { verbs } from '#cli/verbs.ts';

const verb = declareVerb({
  name: 'thing do',
  summary: 'does the thing',
  positionals: 'PATH…',
  minPositionals: 1,
  flags: {
    server: { kind: 'string', value: 'ADDRESS', describe: 'where', required: true },
    attribute: { kind: 'strings', value: 'NAME=VALUE', describe: 'what' },
    quick: { kind: 'boolean', describe: 'how' },
  },
  example: 'garrison thing do --server 127.0.0.1:1 x',
  run: () => Promise.resolve(0),
});

async function command(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  let [stdout, stderr] = ['', ''];
  const code = await run(args, {
    env: {},
    cwd: '/',
    stdin: (async function* () {})(),
    clock: systemClock,
    signal: new AbortController().signal,
    version: '1.2.3',
    stdout: (text) => (stdout += text),
    stderr: (text) => (stderr += text),
  });
  return { code, stdout, stderr };
}

describe('flags', () => {
  test('are typed by their declaration', () => {
    const { flags, positionals } = readArguments(verb, [
      '--server=a',
      '--attribute',
      'b=1',
      'x',
      '--attribute',
      'c=2',
      'y',
    ]);
    expect(flags).toMatchObject({ server: 'a', attribute: ['b=1', 'c=2'], quick: false, output: undefined });
    expect(positionals).toEqual(['x', 'y']);
  });

  test.each([
    [['--sever', 'a', 'x'], '`--sever` is not a flag of `garrison thing do`', 'did you mean `--server`?'],
    [['--zzzzzzz', 'x'], '`--zzzzzzz` is not a flag of `garrison thing do`', 'see `garrison thing do --help`'],
    [['x'], '`--server` is missing', undefined],
    [['--server'], '`--server` needs a value', undefined],
    [['--server', 'a', '--server', 'b', 'x'], '`--server` is given twice', undefined],
    [['--server', 'a', '--quick=yes', 'x'], '`--quick` takes no value', undefined],
    [['--server', 'a'], 'PATH… is missing', undefined],
    [['--server', 'a', 'x', '--output', 'xml'], '`--output xml` is none of `text`, `json`', undefined],
  ])('%j is refused', (args, message, remedy) => {
    try {
      readArguments(verb, args);
    } catch (error) {
      expect(error).toMatchObject({ code: 'INVALID_ARGUMENT', message });
      if (remedy !== undefined) expect((error as GarrisonError).remedy).toBe(remedy);
      return;
    }
    throw new Error('was accepted');
  });

  test('the help shows them, with one example', () => {
    expect(helpOf(verb)).toContain(
      'usage: garrison thing do --server ADDRESS [--attribute NAME=VALUE]… [--quick] PATH…',
    );
    expect(helpOf(verb)).toContain('example: garrison thing do --server 127.0.0.1:1 x');
  });
});

describe('the command', () => {
  test('without a verb shows them all and could not be done', async () => {
    const { code, stdout } = await command();
    expect(code).toBe(2);
    for (const name of Object.keys(verbs)) expect(stdout).toContain(`  ${name} `);
  });

  test('--help and --version', async () => {
    expect((await command('--help')).code).toBe(0);
    expect(await command('--version')).toEqual({ code: 0, stdout: '1.2.3\n', stderr: '' });
    expect((await command('--version', '--output', 'json')).stdout).toBe('{"version":"1.2.3"}\n');
  });

  test('a mistyped verb gets a suggestion, exit 2', async () => {
    expect(await command('statsu')).toEqual({
      code: 2,
      stdout: '',
      stderr: 'garrison: `statsu` is not a verb of garrison; did you mean `garrison status`?\n',
    });
  });

  test('with JSON, errors are an object too', async () => {
    const { code, stdout, stderr } = await command('statsu', '--output', 'json');
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toEqual({
      error: {
        code: 'INVALID_ARGUMENT',
        message: '`statsu` is not a verb of garrison',
        remedy: 'did you mean `garrison status`?',
      },
    });
    expect(stderr).toContain('did you mean');
  });

  test.each(Object.keys(verbs))(
    '`%s` is declared under its name, with an example that begins with it',
    async (name) => {
      const loaded = (await verbs[name]!()).verb;
      expect(loaded.name).toBe(name);
      expect(loaded.example).toContain(`garrison ${name}`);
      const { code, stdout } = await command(...name.split(' '), '--help');
      expect(code).toBe(0);
      expect(stdout).toContain(`example: ${loaded.example}`);
    },
  );
});

test('an unknown error is told as a fault of ours, with its stack', () => {
  let stderr = '';
  printError(
    new TypeError('x is undefined'),
    createOutput(false, { stdout: () => undefined, stderr: (t) => (stderr += t) }),
  );
  expect(stderr).toContain('garrison: internal error\n');
  expect(stderr).toContain('TypeError: x is undefined');
  expect(stderr).toContain('please report it');
});
