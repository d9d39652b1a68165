import { flagsOf } from './arguments.ts';
import type { Flags, Verb } from './verb.ts';

export function helpOf(verb: Verb): string {
  const flags = flagsOf(verb);
  const usage = [
    'garrison',
    verb.name,
    ...Object.entries(verb.flags).map(([n, f]) => flagUsage(n, f)),
    verb.positionals,
  ];
  const rows = Object.entries(flags).map(([name, flag]) => [
    `--${name}${flag.kind === 'boolean' ? '' : ` ${flag.value ?? 'VALUE'}`}`,
    flag.describe,
  ]);
  return [
    verb.summary,
    '',
    `usage: ${usage.filter((part) => part !== undefined).join(' ')}`,
    '',
    ...table(rows),
    '',
    `example: ${verb.example}`,
    '',
    'exit codes: 0 yes or done, 1 no, 2 could not be done',
  ].join('\n');
}

export function helpOfAll(verbs: readonly Verb[]): string {
  return [
    'garrison: a policy and security engine for services',
    '',
    'usage: garrison VERB [FLAGS]',
    '',
    ...table(verbs.map((verb) => [verb.name, verb.summary])),
    '',
    '`garrison VERB --help` tells more; `--output json` works with every verb',
  ].join('\n');
}

function flagUsage(name: string, flag: Flags[string]): string {
  const text = flag.kind === 'boolean' ? `--${name}` : `--${name} ${flag.value ?? 'VALUE'}`;
  const shown = flag.required === true ? text : `[${text}]`;
  return flag.kind === 'strings' ? `${shown}…` : shown;
}

function table(rows: readonly (readonly string[])[]): string[] {
  const width = Math.max(...rows.map(([first = '']) => first.length));
  return rows.map(([first = '', second = '']) => `  ${first.padEnd(width)}  ${second}`);
}
