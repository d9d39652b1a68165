import { GarrisonError } from '#proto/errors/index.ts';
import { cedarFor } from '#policies/cedar/index.ts';
import { loadPolicies } from '#policies/index.ts';
import type { Mesh } from '#policies/index.ts';
import { allLintRules, lint, sarifOf } from '#policies/lint/index.ts';
import type { Finding } from '#policies/lint/index.ts';
import { readConfig } from '#runtime/config/config.ts';
import { meshOf } from '#runtime/config/mesh-config.ts';
import { describePlace } from '#schema/describe-fault.ts';
import { declareVerb } from '../verb.ts';
import type { Flags, Invocation } from '../verb.ts';
import { faultAnnotation, faultJson, faultText } from './fault-text.ts';
import { profileFlag, readProfiles } from './profile-flag.ts';
import { readSources } from './read-sources.ts';

const flags = {
  allow: { kind: 'strings', value: 'ID', describe: 'do not tell of this rule; by id or name, may be given many times' },
  profile: profileFlag,
  config: { kind: 'string', value: 'FILE', describe: 'the garrison.yaml of the mesh the documents are for' },
  rules: { kind: 'boolean', describe: 'list every rule with its id, and lint nothing' },
} as const satisfies Flags;

type Given = Invocation<typeof flags>;

export const verb = declareVerb({
  name: 'policy lint',
  summary: 'legal but unsafe: exit 1 when anything at level error or warning is found, notes do not count',
  positionals: 'PATH…',
  flags,
  forms: ['text', 'json', 'sarif', 'github'],
  example: 'garrison policy lint ./policies --allow GL012',
  async run(given) {
    const { output, form, positionals, cwd } = given;
    if (given.flags.rules) {
      for (const rule of allLintRules())
        output.result(rule, `${rule.id} ${rule.name} (${rule.severity}): ${rule.summary}`);
      return 0;
    }
    if (positionals.length === 0) {
      throw new GarrisonError('INVALID_ARGUMENT', 'PATH… is missing', { remedy: 'see `garrison policy lint --help`' });
    }
    const allowed = given.flags.allow.map(knownRule);
    const files = readSources(positionals, cwd);
    const loaded = loadPolicies(files, meshIn(given), { cedar: await cedarFor(files) });
    if (!loaded.ok) {
      for (const fault of loaded.faults) {
        output.result({ error: faultJson(fault) }, form === 'github' ? faultAnnotation(fault) : faultText(fault));
      }
      throw new GarrisonError('INVALID_ARGUMENT', 'the documents are not valid', {
        remedy: 'mend them first; `garrison policy validate` tells the same',
      });
    }
    const findings = lint(loaded.set, loaded.warnings, allowed);
    write(findings, given);
    const unsafe = findings.filter(({ severity }) => severity !== 'note').length;
    output.note(`${unsafe} found, ${findings.length - unsafe} notes, in ${loaded.set.documents.length} documents`);
    return unsafe > 0 ? 1 : 0;
  },
});

function write(findings: readonly Finding[], { form, output }: Given): void {
  // One document, indented as people's tools write it; `result` would write text only.
  if (form === 'sarif') output.result({}, JSON.stringify(sarifOf(findings), undefined, 2));
  else for (const finding of findings) output.result(findingJson(finding), lineOf(finding, form));
}

function lineOf(finding: Finding, form: string): string {
  const { id, name, severity, place, kind, policy, field, reason, fix } = finding;
  const about = `${kind} ${policy}${field === '' ? '' : ` ${field}`}`;
  if (form !== 'github') return `${describePlace(place)}: ${severity} ${id} ${name}: ${about}: ${reason}; ${fix}`;
  const line = faultAnnotation({ severity: 'warning', place, field: `${id} ${about}`, reason, fix });
  return line.replace(/^::warning/, `::${severity === 'note' ? 'notice' : severity}`);
}

function findingJson({ place, ...rest }: Finding): Record<string, unknown> {
  return { ...rest, ...place };
}

function knownRule(name: string): string {
  const known = allLintRules();
  if (known.some((rule) => rule.id === name || rule.name === name)) return name;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${name}\` is no rule of the linter`, {
    place: '--allow',
    remedy: '`garrison policy lint --rules` lists them',
  });
}

/** What a document means depends on the mesh: what garrison.yaml says of it, where there is one. */
function meshIn({ flags: { config, profile }, env, cwd }: Given): Partial<Mesh> {
  return { ...meshOf(readConfig({ path: config, env, cwd })), ...readProfiles(profile) };
}
