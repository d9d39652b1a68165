import { GarrisonError } from '#proto/errors/index.ts';
import * as cedar from '@cedar-policy/cedar-wasm/nodejs';
import type { CedarAnswer, CedarEngine, CedarFault, CedarProgram } from './engine.ts';
import type { CedarEntity, CedarRequest } from './request.ts';
import { cedarSchema } from './vocabulary.ts';

/** Counts the prepared sets of this process: the library keeps them by name. */
let prepared = 0;

/** Cedar by its own WebAssembly build (package `@cedar-policy/cedar-wasm`). */
export function wasmCedar(): CedarEngine {
  const schema = cedarSchema() as cedar.SchemaJson<string>;
  return {
    validate: (text) => validate(text, schema),
    prepare: (policies, entities) => prepare(policies, entities),
  };
}

function validate(text: string, schema: cedar.SchemaJson<string>): readonly CedarFault[] {
  const answer = cedar.validate({ schema, policies: { staticPolicies: text } });
  if (answer.type === 'failure') return answer.errors.map((error) => faultOf('error', error));
  return [
    ...answer.validationErrors.map(({ error }) => faultOf('error', error)),
    ...answer.validationWarnings.map(({ error }) => faultOf('warning', error)),
    ...answer.otherWarnings.map((error) => faultOf('warning', error)),
  ];
}

function faultOf(severity: CedarFault['severity'], error: cedar.DetailedError): CedarFault {
  const reason = error.help === null ? error.message : `${error.message}; ${error.help}`;
  return { severity, reason, offset: error.sourceLocations?.[0]?.start };
}

function prepare(
  policies: readonly { readonly id: string; readonly text: string }[],
  stored: readonly CedarEntity[],
): CedarProgram {
  const setId = `garrison-${++prepared}`;
  // A text may hold several policies: each gets its document's name and its place in it.
  const parts = policies.flatMap(({ id, text }) =>
    partsOf(text).map((part, index) => [`${id}#${index}`, part] as const),
  );
  const checked = cedar.preparsePolicySet(setId, { staticPolicies: Object.fromEntries(parts) });
  if (checked.type === 'failure') throw failure(checked.errors);
  return { ask: (request) => ask(setId, request, stored) };
}

function partsOf(text: string): readonly string[] {
  const parts = cedar.policySetTextToParts(text);
  if (parts.type === 'failure') throw failure(parts.errors);
  return parts.policies;
}

function ask(setId: string, request: CedarRequest, stored: readonly CedarEntity[]): CedarAnswer {
  const answer = cedar.statefulIsAuthorized({
    preparsedPolicySetId: setId,
    principal: request.principal,
    action: request.action,
    resource: request.resource,
    context: request.context as cedar.Context,
    entities: [...stored, ...request.entities] as unknown as cedar.Entities,
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

function failure(errors: readonly cedar.DetailedError[]): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `cedar: ${errors.map((error) => error.message).join('; ')}`);
}
