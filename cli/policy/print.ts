import { cedarFor, cedarSchema, printCedar } from '#policies/cedar/index.ts';
import type { CedarText } from '#policies/cedar/index.ts';
import { describeFault, loadPolicies } from '#policies/documents/index.ts';
import type { Mesh } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { declareVerb } from '../verb.ts';
import { profileFlag, readProfiles } from './profile-flag.ts';
import { readSources } from './read-sources.ts';

const languages = ['cedar', 'cedar-schema'] as const;

export const verb = declareVerb({
  name: 'policy print',
  summary: 'say AuthorizationPolicy documents in Cedar, and what Cedar cannot say',
  positionals: 'PATH…',
  flags: {
    as: {
      kind: 'string',
      value: 'LANGUAGE',
      required: true,
      describe: 'cedar: the policies; cedar-schema: the schema they are written for, which needs no PATH',
    },
    'trust-domain': {
      kind: 'string',
      value: 'NAME',
      describe: 'the trust domain of the mesh; cluster.local when absent',
    },
    profile: profileFlag,
  },
  example: 'garrison policy print --as cedar ./policies',
  async run({ flags, positionals, output, cwd }) {
    const language = languages.find((known) => known === flags.as);
    if (language === undefined) {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${flags.as}\` is not a language that is printed`, {
        place: '--as',
        remedy: 'write `cedar` or `cedar-schema`',
      });
    }
    const printed = language === 'cedar' ? await printPolicies(positionals, readMesh(flags), cwd) : printSchema();
    output.result(printed, printed.text);
    for (const { field, reason } of printed.limits) output.note(`not said: ${field}: ${reason}`);
    return printed.limits.length === 0 ? 0 : 1;
  },
});

function printSchema(): CedarText {
  return { text: `${JSON.stringify(cedarSchema(), null, 2)}\n`, limits: [] };
}

async function printPolicies(paths: readonly string[], mesh: Partial<Mesh>, cwd: string): Promise<CedarText> {
  if (paths.length === 0) {
    throw new GarrisonError('INVALID_ARGUMENT', 'no documents are named', { remedy: 'name files or folders' });
  }
  const files = readSources(paths, cwd);
  const loaded = loadPolicies(files, mesh, { cedar: await cedarFor(files) });
  if (loaded.ok) return printCedar(loaded.set);
  const [first] = loaded.faults.filter(({ severity }) => severity === 'error');
  throw new GarrisonError('INVALID_ARGUMENT', first === undefined ? 'invalid' : describeFault(first), {
    remedy: '`garrison policy validate` tells every fault',
  });
}

interface MeshFlags {
  readonly 'trust-domain': string | undefined;
  readonly profile: readonly string[];
}

function readMesh({ 'trust-domain': trustDomain, profile }: MeshFlags): Partial<Mesh> {
  return { ...(trustDomain === undefined ? {} : { trustDomain }), ...readProfiles(profile) };
}
