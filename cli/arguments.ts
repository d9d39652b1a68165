import { parseArgs } from 'node:util';
import { GarrisonError } from '#proto/errors/index.ts';
import { nearest } from '#schema/index.ts';
import type { Flags, Verb } from './verb.ts';

/** Flags every verb has. */
export const commonFlags = {
  output: { kind: 'string', value: 'text|json', describe: 'how results are written; text is the default' },
  help: { kind: 'boolean', describe: 'this text' },
} as const satisfies Flags;

const commonForms = ['text', 'json'] as const;

/** The flags of a verb as they are read and shown: its own, and the common ones in its forms. */
export function flagsOf(verb: Verb): Flags {
  if (verb.forms === undefined) return { ...verb.flags, ...commonFlags };
  const describe = `how results are written; ${formOf(verb, undefined)} is the default`;
  const output = { ...commonFlags.output, value: verb.forms.join('|'), describe };
  return { ...verb.flags, ...commonFlags, output };
}

export function formOf(verb: Verb, asked: string | undefined): string {
  return asked ?? verb.forms?.[0] ?? commonForms[0];
}

export interface ReadArguments {
  readonly flags: Record<string, string | boolean | readonly string[] | undefined>;
  readonly positionals: readonly string[];
}

/** Whether the output form was asked for, read before anything else so that usage errors already follow it. */
export function wantsJson(args: readonly string[]): boolean {
  return args.some((arg, i) => arg === '--output=json' || (arg === '--output' && args[i + 1] === 'json'));
}

export function readArguments(verb: Verb, args: readonly string[]): ReadArguments {
  const known = flagsOf(verb);
  const options = Object.fromEntries(
    Object.entries(known).map(([name, flag]) => [
      name,
      { type: flag.kind === 'boolean' ? 'boolean' : 'string' } as const,
    ]),
  );
  const { tokens } = parseArgs({ args: [...args], options, strict: false, allowPositionals: true, tokens: true });
  const flags: Record<string, string | boolean | string[] | undefined> = {};
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === 'positional') positionals.push(token.value);
    if (token.kind !== 'option') continue;
    const flag = Object.hasOwn(known, token.name) ? known[token.name] : undefined;
    if (flag === undefined) throw unknownFlag(verb, token.rawName, known);
    if (flag.kind === 'boolean') {
      if (token.value !== undefined) throw usage(verb, `\`${token.rawName}\` takes no value`);
      flags[token.name] = true;
      continue;
    }
    if (token.value === undefined) throw usage(verb, `\`${token.rawName}\` needs a value`);
    const earlier = flags[token.name];
    if (flag.kind === 'strings') flags[token.name] = [...(Array.isArray(earlier) ? earlier : []), token.value];
    else if (earlier === undefined) flags[token.name] = token.value;
    else throw usage(verb, `\`${token.rawName}\` is given twice`);
  }
  return { flags: flags['help'] === true ? flags : complete(verb, known, flags, positionals), positionals };
}

function complete(
  verb: Verb,
  known: Flags,
  flags: Record<string, string | boolean | string[] | undefined>,
  positionals: readonly string[],
): Record<string, string | boolean | string[] | undefined> {
  for (const [name, flag] of Object.entries(known)) {
    if (flags[name] !== undefined) continue;
    if (flag.required === true) throw usage(verb, `\`--${name}\` is missing`);
    flags[name] = flag.kind === 'boolean' ? false : flag.kind === 'strings' ? [] : undefined;
  }
  const [forms, asked] = [verb.forms ?? commonForms, flags['output']];
  if (typeof asked === 'string' && !forms.some((form) => form === asked)) {
    const list = forms.map((form) => `\`${form}\``).join(', ');
    throw usage(verb, `\`--output ${asked}\` is none of ${list}`);
  }
  const [surplus] = positionals;
  if (surplus !== undefined && verb.positionals === undefined)
    throw usage(verb, `\`${surplus}\` is one argument too many`);
  if (positionals.length < (verb.minPositionals ?? 0))
    throw usage(verb, `${verb.positionals ?? 'an argument'} is missing`);
  return flags;
}

function unknownFlag(verb: Verb, written: string, known: Flags): GarrisonError {
  const names = Object.keys(known).map((name) => `--${name}`);
  const meant = nearest(written, names);
  return usage(
    verb,
    `\`${written}\` is not a flag of \`garrison ${verb.name}\``,
    meant && `did you mean \`${meant}\`?`,
  );
}

function usage(verb: Verb, message: string, remedy?: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', message, {
    remedy: remedy ?? `see \`garrison ${verb.name} --help\``,
  });
}
