import { cedarFor } from '#policies/cedar/index.ts';
import { loadPolicies } from '#policies/documents/index.ts';
import { declareVerb } from '../verb.ts';
import { faultAnnotation, faultJson, faultText } from './fault-text.ts';
import { readSources } from './read-sources.ts';

export const verb = declareVerb({
  name: 'policy validate',
  summary: 'check documents, and tell every fault with its place',
  positionals: 'PATH…',
  minPositionals: 1,
  flags: {
    'trust-domain': {
      kind: 'string',
      value: 'NAME',
      describe: 'the trust domain of the mesh; cluster.local when absent',
    },
  },
  forms: ['text', 'json', 'github'],
  example: 'garrison policy validate ./policies',
  async run({ flags, positionals, output, form, cwd }) {
    const trustDomain = flags['trust-domain'];
    const files = readSources(positionals, cwd);
    const loaded = loadPolicies(files, trustDomain === undefined ? {} : { trustDomain }, {
      cedar: await cedarFor(files),
    });
    const faults = loaded.ok ? loaded.warnings : loaded.faults;
    const documents = loaded.ok ? loaded.set.documents.length : undefined;
    if (form === 'github') for (const fault of faults) output.result({}, faultAnnotation(fault));
    else if (form === 'text') for (const fault of faults) output.result({}, faultText(fault));
    const errors = faults.filter((fault) => fault.severity === 'error').length;
    const summary = {
      valid: loaded.ok,
      documents,
      errors,
      warnings: faults.length - errors,
      faults: faults.map(faultJson),
    };
    if (form === 'json') output.result(summary, '');
    else if (form === 'text' && loaded.ok) output.result({}, 'valid');
    const counted = loaded.ok ? count(loaded.set.documents.length, 'document') : count(errors, 'fault');
    output.note(`${counted} in ${count(files.length, 'file')}`);
    return loaded.ok ? 0 : 1;
  },
});

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? '' : 's'}`;
}
