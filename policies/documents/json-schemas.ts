import { toJsonSchema } from '#schema/index.ts';
import type { JsonSchema } from '#schema/index.ts';
import { knownKinds } from './kinds.ts';
import { defaultMesh } from './mesh.ts';

/** The JSON Schema of every kind, by file name, and `Document.json`, which takes whichever kind a document says it is. */
export function jsonSchemas(): ReadonlyMap<string, JsonSchema> {
  const kinds = knownKinds(defaultMesh);
  const schemas = new Map(kinds.map(({ kind, shape }) => [`${kind}.json`, toJsonSchema(shape, { title: kind })]));
  schemas.set('Document.json', {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Document',
    type: 'object',
    required: ['apiVersion', 'kind'],
    properties: { kind: { enum: kinds.map(({ kind }) => kind) } },
    allOf: kinds.map(({ kind }) => ({
      if: { properties: { kind: { const: kind } }, required: ['kind'] },
      then: { $ref: `${kind}.json` },
    })),
  });
  return schemas;
}
