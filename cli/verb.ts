import type { Clock } from '#runtime/clock.ts';
import type { Output } from './output.ts';

/** 0 yes or done, 1 no (denied, invalid, differs, not verified), 2 could not be done. */
export type ExitCode = 0 | 1 | 2;

export interface Flag {
  /** `strings` may be given many times. */
  readonly kind: 'string' | 'strings' | 'boolean';
  readonly describe: string;
  /** How the value is called in the help: `FILE`. */
  readonly value?: string;
  readonly required?: boolean;
}

export type Flags = Readonly<Record<string, Flag>>;

type FlagValue<F extends Flag> = F['kind'] extends 'boolean'
  ? boolean
  : F['kind'] extends 'strings'
    ? readonly string[]
    : F['required'] extends true
      ? string
      : string | undefined;

/** What a verb is given: everything of the world it may touch. */
export interface Invocation<F extends Flags = Flags> {
  readonly flags: { readonly [K in keyof F]: FlagValue<F[K]> };
  readonly positionals: readonly string[];
  readonly output: Output;
  /** Which form of output was asked for, of those the verb has. */
  readonly form: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdin: AsyncIterable<Uint8Array>;
  readonly clock: Clock;
  /** Of garrison. */
  readonly version: string;
  /** Aborts at SIGTERM or SIGINT. Who never reads it keeps what the system does: the process ends at once. */
  readonly signal: AbortSignal;
}

export interface VerbDeclaration<F extends Flags> {
  /** As it is typed: `policy validate`. */
  readonly name: string;
  /** One line for the table of verbs. */
  readonly summary: string;
  /** Positional arguments as the help shows them: `PATH…`. Absent: none are taken. */
  readonly positionals?: string;
  /** How many positional arguments are needed at least; 0 when absent. */
  readonly minPositionals?: number;
  readonly flags: F;
  /** Forms of output where they are more than `text` and `json`; the first is the default. `json` is always one. */
  readonly forms?: readonly string[];
  /** One line that works when pasted. */
  readonly example: string;
  run(invocation: Invocation<F>): Promise<ExitCode>;
}

/** A verb as the table sees it: its own flag types are checked where it is declared. */
export type Verb = VerbDeclaration<Flags>;

export function declareVerb<const F extends Flags>(verb: VerbDeclaration<F>): Verb {
  return verb;
}
