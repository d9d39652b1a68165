import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AttributeBag } from '#proto/attributes/index.ts';
import { compile, gatherEvidence, inlineKeysOnly } from '#policies/index.ts';
import type { Evidence, Program, ProviderAnswer, RequiredProvider } from '#policies/index.ts';
import { decideCase } from '#policies/cases/index.ts';
import { explain, explanationText } from '#policies/explain/index.ts';
import { clientFlags } from '../client-identity.ts';
import { printable } from '../printable.ts';
import { declareVerb } from '../verb.ts';
import type { Flags, Invocation } from '../verb.ts';
import { readAttributes } from './explain-attributes.ts';
import { currentRevision, readDecision } from './explain-decision.ts';
import { programOf, programOfChoice } from './explain-policies.ts';
import { pastAnswer } from './past-providers.ts';
import { readSources } from './read-sources.ts';
import { findSuites } from './test/find-suites.ts';

const flags = {
  case: { kind: 'string', value: 'FILE#NAME', describe: 'the request of one case of a case file' },
  attributes: { kind: 'string', value: 'FILE', describe: 'the request as a YAML or JSON map of attributes' },
  decision: { kind: 'string', value: 'ID', describe: 'the request of a decision that was made, from the audit' },
  policies: { kind: 'strings', value: 'PATH', describe: 'documents to decide by; may be given many times' },
  server: {
    kind: 'string',
    value: 'ADDRESS',
    describe:
      'the `authz` or `authzLocal` port whose documents to decide by; with --decision the collector’s `telemetryHttp`',
  },
  config: { kind: 'string', value: 'FILE', describe: 'the garrison.yaml of the mesh' },
  provider: {
    kind: 'strings',
    value: 'NAME=allow|deny',
    describe: 'what a CUSTOM provider answers; else it gives none, or with --decision the one it gave then',
  },
  certificate: clientFlags.certificate,
  key: clientFlags.key,
  bundle: clientFlags.bundle,
} as const satisfies Flags;

type Given = Invocation<typeof flags>;

/** What is to be explained. */
interface Question {
  readonly program: Program;
  readonly bag: AttributeBag;
  readonly evidence: Evidence;
  /** What is to be said besides. */
  readonly notes: readonly string[];
  readonly more: Readonly<Record<string, unknown>>;
}

export const verb = declareVerb({
  name: 'policy explain',
  summary: 'why a request is allowed (exit 0) or denied (exit 1): what decided, and why nothing else did',
  positionals: 'PATH…',
  flags,
  example: "garrison policy explain --case 'policies/cases/admin.yaml#dot segments do not help'",
  async run(invocation) {
    const { program, bag, evidence, notes, more } = await readQuestion(invocation);
    const explanation = explain(program, bag, evidence);
    const text = explanationText(explanation).split('\n').map(printable).join('\n');
    invocation.output.result({ ...explanation, ...more, notes }, text);
    if (!invocation.output.json) for (const note of notes) invocation.output.note(note);
    return explanation.verdict.effect === 'allow' ? 0 : 1;
  },
});

function readQuestion(given: Given): Promise<Question> {
  const { case: suiteCase, attributes, decision } = given.flags;
  const asked = [suiteCase, attributes, decision].filter((each) => each !== undefined);
  if (asked.length !== 1) {
    throw new GarrisonError('INVALID_ARGUMENT', 'which request is to be explained is not said', {
      remedy: 'give one of `--case FILE#NAME`, `--attributes FILE` and `--decision ID`',
    });
  }
  if (suiteCase !== undefined) return questionOfCase(suiteCase, given);
  if (decision !== undefined) return questionOfDecision(decision, given);
  return questionOfAttributes(attributes ?? '', given);
}

/** Documents may follow `--policies` as plain arguments too: shells expand `policies/*.yaml` so. */
function pathsOf({ flags: { policies }, positionals }: Given): readonly string[] {
  if (positionals.length === 0 || policies.length > 0) return [...policies, ...positionals];
  throw new GarrisonError('INVALID_ARGUMENT', `\`${positionals[0] ?? ''}\` is one argument too many`, {
    remedy: 'name documents with `--policies`',
  });
}

async function questionOfAttributes(file: string, given: Given): Promise<Question> {
  const bag = readAttributes(readText(file, given.cwd), file);
  const choice = { ...given.flags, policies: pathsOf(given) };
  const program = await programOfChoice(choice, given);
  return { program, bag, evidence: await evidenceFor(program, bag, given), notes: [], more: {} };
}

async function questionOfDecision(id: string, given: Given): Promise<Question> {
  const { record, bag, gaps } = await readDecision(id, { ...given.flags, env: given.env, cwd: given.cwd });
  const choice = { ...given.flags, policies: pathsOf(given), server: undefined };
  const program = await programOfChoice(choice, given);
  const current = choice.policies.length > 0 ? undefined : await currentRevision(given.flags.config, given);
  const { revision: then, effect, policy = 'none', rule } = record;
  const by = `${policy}${rule === undefined ? '' : ` rule ${rule}`}`;
  const notes = [`decision ${id} was \`${effect}\` by ${by} at revision ${then ?? 'unknown'}`, ...gaps];
  if (current === undefined) notes.push('which revision is in force now is not known: no running mesh tells');
  else if (current !== then) notes.push(`revision ${current} is in force now: the documents may have changed since`);
  const revised = current === undefined || then === undefined ? null : current !== then;
  const said = (provider: RequiredProvider): ProviderAnswer | undefined => pastAnswer(record, provider);
  const evidence = await evidenceFor(program, bag, given, said);
  if ([...(evidence.providers?.values() ?? [])].includes('allow')) {
    notes.push('what providers changed of its headers is not kept: rules are compared with those that came');
  }
  return {
    program: current === undefined ? program : compile(program.set, current),
    bag,
    evidence,
    notes,
    more: { decision: { id, effect, policy, rule: rule ?? null, revision: then ?? null, revised } },
  };
}

async function questionOfCase(text: string, given: Given): Promise<Question> {
  const hash = text.indexOf('#');
  const [file, name] = hash < 0 ? [text, undefined] : [text.slice(0, hash), text.slice(hash + 1)];
  const { suites, unreadable } = await findSuites([file], given.cwd, {});
  const [fault] = unreadable.flatMap(({ faults }) => faults);
  const suite = suites[0];
  if (suite === undefined || fault !== undefined) {
    const reason = fault === undefined ? '' : `: ${fault.reason}`;
    throw new GarrisonError('INVALID_ARGUMENT', `the case file cannot be run${reason}`, {
      place: file,
      remedy: '`garrison policy test` tells all that is wrong with it',
    });
  }
  const { cases } = suite.text;
  const chosen = name === undefined && cases.length === 1 ? cases[0] : cases.find((each) => each.value.name === name);
  if (chosen === undefined) {
    const names = cases.map(({ value }) => `\`${value.name}\``).join(', ');
    throw new GarrisonError('NOT_FOUND', name === undefined ? 'no case is named' : `there is no case \`${name}\``, {
      place: file,
      remedy: `write FILE#NAME with one of ${names}`,
    });
  }
  const paths = pathsOf(given);
  const program = paths.length === 0 ? suite.program : await programOf(readSources(paths, given.cwd), suite.mesh, 1);
  const { bag, evidence } = await decideCase({ ...suite, program }, chosen, given.clock.now().getTime());
  return { program, bag, evidence, notes: [], more: {} };
}

/** Tokens are verified with the keys that the documents hold; nothing is fetched and nobody is asked. */
function evidenceFor(
  program: Program,
  bag: AttributeBag,
  { flags: { provider }, clock }: Given,
  otherwise: (provider: RequiredProvider) => ProviderAnswer | undefined = () => undefined,
): Promise<Evidence> {
  const answers = new Map(provider.map(readAnswer));
  return gatherEvidence(program, bag, {
    keys: inlineKeysOnly,
    nowMs: clock.now().getTime(),
    ask: (required) => {
      const answer = answers.get(required.name) ?? otherwise(required);
      return answer === undefined ? Promise.reject(new Error('unknown provider')) : Promise.resolve(answer);
    },
  });
}

function readAnswer(text: string): [string, ProviderAnswer] {
  const [, name, answer] = /^(.+)=(allow|deny)$/.exec(text) ?? [];
  if (name !== undefined && (answer === 'allow' || answer === 'deny')) return [name, answer];
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no answer of a provider`, {
    place: '--provider',
    remedy: 'write `NAME=allow` or `NAME=deny`',
  });
}

function readText(file: string, cwd: string): Uint8Array {
  try {
    return readFileSync(path.resolve(cwd, file));
  } catch (cause) {
    throw new GarrisonError('NOT_FOUND', 'the file cannot be read', { place: file, remedy: 'correct the path', cause });
  }
}
