import { field, list, object, string } from '#schema/index.ts';
import type { Node, Parsed, Reading, Shape } from '#schema/index.ts';
import type { CedarEngine } from '../../cedar/engine.ts';
import { cedarActions } from '../../cedar/vocabulary.ts';
import { entities } from '../cedar-entities.ts';
import { documentShape } from '../document-shape.ts';
import { metadataWithoutDryRun } from '../metadata.ts';
import type { CedarPolicy } from '../model.ts';
import { placeInScalar } from '../place-in-scalar.ts';
import { selector } from '../selector.ts';

const action = string({
  minLength: 1,
  maxLength: 256,
  pattern: {
    expression: new RegExp(`^(?!(?:${cedarActions.join('|')})$)`),
    reason: 'is an action of every check',
    fix: 'leave it out: it is known already',
  },
});

const fields = object({
  selector: field(selector, { describe: 'Which workloads of the namespace this is about; absent: all of them.' }),
  policy: field(string({ minLength: 1, maxLength: 1_000_000 }), {
    describe: 'Cedar policies. A forbid denies as DENY does; a permit allows as ALLOW does.',
    required: true,
  }),
  actions: field(list(action, { max: 1000 }), {
    describe: 'Actions of your own that the policies name, beside http, grpc and tcp.',
    default: [],
  }),
  entities: field(entities, { describe: 'Stored entities, seen by the policies of this document.', default: [] }),
});
type Fields = Parsed<typeof fields>;

/** The spec, and what Cedar says of it: its faults stand where the text of the policy shows them. */
function judged(cedar: CedarEngine | undefined): Shape<Fields> {
  return {
    schema: fields.schema,
    read(node, reading) {
      const before = reading.errors;
      const value = fields.read(node, reading);
      // With entities that are not read whole, Cedar would complain of what they leave out.
      if (value !== undefined && reading.errors === before) judge(value, node, reading, cedar);
      return value;
    },
  };
}

function judge(value: Fields, node: Node, reading: Reading, cedar: CedarEngine | undefined): void {
  const text = node.kind === 'map' ? node.get('policy') : undefined;
  if (text?.kind !== 'scalar') return;
  reading.enter('policy');
  if (cedar === undefined) {
    reading.fault(
      text.place,
      'Cedar is not at hand here',
      'load these documents with a Cedar engine, or remove this one',
    );
  }
  for (const { severity, reason, offset } of cedar?.validate(value.policy, value) ?? []) {
    const place = offset === undefined ? text.place : placeInScalar(text, offset);
    if (severity === 'error') reading.fault(place, reason);
    else reading.warn(place, reason);
  }
  reading.leave();
}

/** `cedar`: what validates the policies; without it a document of this kind cannot be taken. */
export function cedarPolicy(cedar: CedarEngine | undefined): Shape<CedarPolicy> {
  return documentShape({
    apiVersions: ['garrison.dev/v1'],
    kind: 'CedarPolicy',
    describe: 'Cedar policies, decided beside AuthorizationPolicy documents.',
    metadata: metadataWithoutDryRun,
    spec: judged(cedar),
    finish: (meta, value, here): CedarPolicy => ({
      kind: 'CedarPolicy',
      metadata: meta,
      place: here.place('spec', 'policy'),
      selector: value.selector ?? new Map(),
      policy: value.policy,
      actions: value.actions,
      entities: value.entities,
    }),
  });
}
