import { GarrisonError } from '#proto/errors/index.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import type { CedarEngine } from '#policies/cedar/index.ts';
import { compile, loadPolicies } from '#policies/index.ts';
import type { Mesh, PolicySet, SourceText } from '#policies/index.ts';
import { compareDocuments, compareVerdicts } from '#policies/diff/index.ts';
import type { DocumentChange, FieldChange, VerdictChange } from '#policies/diff/index.ts';
import { describeFault, describePlace } from '#schema/describe-fault.ts';
import { declareVerb } from '../verb.ts';
import type { Flags, Invocation } from '../verb.ts';
import { readSources } from './read-sources.ts';
import { findSuites } from './test/find-suites.ts';

const flags = {
  cases: {
    kind: 'strings',
    value: 'PATH',
    describe: 'case files whose requests are decided by both; may be given many times',
  },
} as const satisfies Flags;

type Given = Invocation<typeof flags>;

export const verb = declareVerb({
  name: 'policy diff',
  summary:
    'what changes from the documents A to the documents B: exit 1 when a verdict does, without --cases when a document does',
  positionals: 'A B',
  minPositionals: 2,
  flags,
  example: 'garrison policy diff ./policies ./candidate --cases ./cases',
  async run(given) {
    const { positionals, output } = given;
    const [before = '', after = '', ...surplus] = positionals;
    // Shells expand `--cases cases/*.yaml` into more arguments.
    const suites = await suitesOf([...given.flags.cases, ...surplus], given);
    const [left, right] = await Promise.all([readFolder(before, given), readFolder(after, given)]);
    const documents = compareDocuments(load(left, {}).documents, load(right, {}).documents);
    for (const change of documents) output.result({ document: change }, documentLines(change));
    let asked = 0;
    let changed = 0;
    for (const suite of suites) {
      const a = compile(load(left, suite.mesh), 1);
      const b = compile(load(right, suite.mesh), 1);
      for await (const change of compareVerdicts(suite, a, b, given.clock.now().getTime())) {
        asked++;
        if (!change.changed) continue;
        changed++;
        output.result({ verdict: change }, verdictLines(change));
      }
    }
    if (suites.length === 0) {
      output.note(`${documents.length} ${documents.length === 1 ? 'document changes' : 'documents change'}`);
      return documents.length > 0 ? 1 : 0;
    }
    output.note(`${changed} of ${asked} verdicts change; ${documents.length} documents do`);
    return changed > 0 ? 1 : 0;
  },
});

async function suitesOf(
  cases: readonly string[],
  { cwd }: Given,
): Promise<Awaited<ReturnType<typeof findSuites>>['suites']> {
  if (cases.length === 0) return [];
  const { suites, unreadable } = await findSuites(cases, cwd, {});
  const [broken] = unreadable;
  if (broken === undefined) return suites;
  throw new GarrisonError(
    'INVALID_ARGUMENT',
    `the case file cannot be run: ${broken.faults.map(describeFault).join('; ')}`,
    {
      place: broken.file,
    },
  );
}

/** Read once: what the files mean depends on the mesh of a suite, what they say does not. */
interface ReadFolder {
  readonly folder: string;
  readonly files: readonly SourceText[];
  readonly cedar: CedarEngine | undefined;
}

async function readFolder(folder: string, { cwd }: Given): Promise<ReadFolder> {
  const files = readSources([folder], cwd);
  return { folder, files, cedar: await cedarFor(files) };
}

function load({ folder, files, cedar }: ReadFolder, mesh: Partial<Mesh>): PolicySet {
  const read = loadPolicies(files, mesh, { cedar });
  if (read.ok) return read.set;
  const errors = read.faults.filter(({ severity }) => severity === 'error').map(describeFault);
  throw new GarrisonError('INVALID_ARGUMENT', `the documents are not valid: ${errors.join('; ')}`, { place: folder });
}

function documentLines({ change, kind, document, places, fields }: DocumentChange): string {
  const sign = { added: '+', removed: '-', changed: '~' }[change];
  return [`${sign} ${kind} ${document}  (${places.map(describePlace).join(' → ')})`, ...fields.map(fieldLine)].join(
    '\n',
  );
}

function fieldLine({ field, before, after }: FieldChange): string {
  return `    ${field}: ${shown(before)} → ${shown(after)}`;
}

const longestShown = 300;

function shown(value: unknown): string {
  if (value === undefined) return '(nothing)';
  const text = JSON.stringify(value);
  return text.length > longestShown ? `${text.slice(0, longestShown)}…` : text;
}

function verdictLines({ suite, case: name, place, before, after, better }: VerdictChange): string {
  const what =
    before.effect === after.effect ? 'OTHER STATUS' : after.effect === 'allow' ? 'NOW ALLOWED' : 'NOW DENIED';
  const hint = better === undefined ? '' : `  (the case expects ${better === 'after' ? 'B' : 'A'})`;
  return [
    `${what}: ${suite} › ${name}  (${describePlace(place)})${hint}`,
    `    A: ${before.effect} ${before.status}, ${before.reason}`,
    `    B: ${after.effect} ${after.status}, ${after.reason}`,
  ].join('\n');
}
