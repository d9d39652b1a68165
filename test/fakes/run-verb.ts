import { run } from '#cli/run.ts';
import { systemClock } from '#runtime/clock.ts';

export interface VerbRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** Lines of standard output as JSON. */
  readonly json: () => Record<string, unknown>[];
}

/** One verb of the command, in this process. */
export async function runVerb(
  args: readonly string[],
  { cwd, stdin = '', env = {} }: { cwd: string; stdin?: string; env?: Record<string, string> },
): Promise<VerbRun> {
  const said = { stdout: '', stderr: '' };
  const code = await run(args, {
    env,
    cwd,
    stdin: (async function* () {
      await Promise.resolve();
      // In small pieces, as a pipe may give it.
      for (let at = 0; at < stdin.length; at += 7) yield Buffer.from(stdin.slice(at, at + 7));
    })(),
    clock: systemClock,
    signal: new AbortController().signal,
    stdout: (text) => (said.stdout += text),
    stderr: (text) => (said.stderr += text),
    version: '0',
  });
  const json = (): Record<string, unknown>[] =>
    said.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, ...said, json };
}
