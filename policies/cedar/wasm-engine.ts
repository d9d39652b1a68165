import { GarrisonError } from '#proto/errors/index.ts';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { CedarDeclarations } from './declare.ts';
import type { CedarAnswer, CedarEffect, CedarEngine, CedarFault, CedarProgram } from './engine.ts';
import type { CedarEntity, CedarRequest } from './cedar-values.ts';
import { indexOfByte } from './byte-offset.ts';
import { cedarSchema } from './vocabulary.ts';

/** The library keeps prepared policies by name for ever: names of programs that are gone are emptied and used again. */
const freeNames: string[] = [];
let names = 0;
const forgotten = new FinalizationRegistry<string>((name) => {
  cedar.preparsePolicySet(name, { staticPolicies: '' });
  freeNames.push(name);
});

const engine: CedarEngine = { validate, effects, prepare };

/** Cedar by its own WebAssembly build (package `@cedar-policy/cedar-wasm`). Always the same: who has read with it may rely on what it said. */
export function wasmCedar(): CedarEngine {
  return engine;
}

function validate(text: string, declared?: CedarDeclarations): readonly CedarFault[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'success') {
    if (parts.policy_templates.length > 0)
      return [wholeFault('a template is no policy: `?principal` and `?resource` stand for nothing')];
    if (parts.policies.length === 0) return [wholeFault('holds no policy')];
  }
  const schema = cedarSchema(declared) as cedar.SchemaJson<string>;
  const answer = cedar.validate({ schema, policies: { staticPolicies: text } });
  const faultsOf = (severity: CedarFault['severity'], errors: readonly cedar.DetailedError[]): CedarFault[] =>
    errors.map((error) => faultOf(severity, error, text));
  if (answer.type === 'failure') return faultsOf('error', answer.errors);
  return [
    ...faultsOf(
      'error',
      answer.validationErrors.map(({ error }) => error),
    ),
    ...faultsOf(
      'warning',
      answer.validationWarnings.map(({ error }) => error),
    ),
    ...faultsOf('warning', answer.otherWarnings),
  ];
}

function wholeFault(reason: string): CedarFault {
  return { severity: 'error', reason, offset: undefined };
}

function faultOf(severity: CedarFault['severity'], error: cedar.DetailedError, text: string): CedarFault {
  const [source] = error.sourceLocations ?? [];
  const label = source?.label == null ? '' : `: ${source.label}`;
  const help = error.help === null ? '' : `; ${error.help}`;
  const offset = source === undefined ? undefined : indexOfByte(text, source.start);
  return { severity, reason: `${error.message}${label}${help}`, offset };
}

function effects(text: string): readonly CedarEffect[] {
  return partsOf(text).map((part) => {
    const parsed = cedar.policyToJson(part);
    if (parsed.type === 'failure') throw failure(parsed.errors);
    return parsed.json.effect;
  });
}

function prepare(
  policies: readonly { readonly id: string; readonly text: string }[],
  stored: readonly CedarEntity[],
): CedarProgram {
  const name = freeNames.pop() ?? `garrison-${++names}`;
  // A text may hold several policies: each gets its document's name and its place in it.
  const parts = policies.flatMap(({ id, text }) =>
    partsOf(text).map((part, index) => [`${id}#${index}`, part] as const),
  );
  const checked = cedar.preparsePolicySet(name, { staticPolicies: Object.fromEntries(parts) });
  if (checked.type === 'failure') throw failure(checked.errors);
  const known = new Map(stored.map((entity) => [nameOf(entity), entity]));
  const program: CedarProgram = { ask: (request) => ask(name, request, known) };
  forgotten.register(program, name);
  return program;
}

function partsOf(text: string): readonly string[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw failure(parts.errors);
  const { policies } = parts;
  // They come in the order of the ids they are given, `policy0`, `policy1`, `policy10`…, and not in that of the text.
  const given = policies.map((_, index) => `policy${index}`).sort();
  const byId = new Map(given.map((id, at) => [id, policies[at] ?? '']));
  return policies.map((_, index) => byId.get(`policy${index}`) ?? '');
}

function ask(name: string, request: CedarRequest, stored: ReadonlyMap<string, CedarEntity>): CedarAnswer {
  const { principal, action, resource, context } = request;
  const answer = cedar.statefulIsAuthorized({
    preparsedPolicySetId: name,
    principal,
    action,
    resource,
    context: context as cedar.Context,
    entities: merge(stored, request.entities) as unknown as cedar.Entities,
  });
  if (answer.type === 'failure') throw failure(answer.errors);
  const { decision, diagnostics } = answer.response;
  const decisive = diagnostics.reason;
  return {
    decisive,
    effect: decision === 'allow' ? 'permit' : decisive.length > 0 ? 'forbid' : 'none',
    errors: diagnostics.errors.map(({ policyId, error }) => ({ id: policyId, reason: error.message })),
  };
}

/** Attributes and parents that are stored, and above them what the request says. */
function merge(stored: ReadonlyMap<string, CedarEntity>, said: readonly CedarEntity[]): readonly CedarEntity[] {
  if (stored.size === 0) return said;
  const all = new Map(stored);
  for (const entity of said) {
    const { attrs, parents } = all.get(nameOf(entity)) ?? { attrs: {}, parents: [] };
    all.set(nameOf(entity), {
      ...entity,
      attrs: { ...attrs, ...entity.attrs },
      parents: [...parents, ...entity.parents],
    });
  }
  return [...all.values()];
}

function nameOf({ uid }: CedarEntity): string {
  return `${uid.type}::${uid.id}`;
}

function failure(errors: readonly cedar.DetailedError[]): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `cedar: ${errors.map((error) => error.message).join('; ')}`);
}
