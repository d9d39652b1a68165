import type { CedarEntity, CedarValue } from './cedar-values.ts';

/** What a document says beside its policies: stored entities, and names of actions that are its own. */
export interface CedarDeclarations {
  readonly entities: readonly CedarEntity[];
  readonly actions: readonly string[];
}

interface DeclaredType {
  readonly memberOfTypes: readonly string[];
  readonly shape: { readonly type: 'Record'; readonly attributes: Readonly<Record<string, object>> };
}

/** What a request itself says of its caller and of the called workload: nothing stored may stand for it. */
export const saidByRequest: Readonly<Record<string, readonly string[]>> = {
  Caller: ['namespace', 'serviceAccount', 'trustDomain'],
  Workload: ['namespace', 'name', 'serviceAccount', 'gateway'],
};

/** The types of stored entities, as their values show them. No attribute is required, for not every entity has to be stored. */
export function declaredTypes(entities: readonly CedarEntity[]): Readonly<Record<string, DeclaredType>> {
  const types = new Map<string, { parents: Set<string>; attributes: Map<string, object> }>();
  const typeOf = (name: string): { parents: Set<string>; attributes: Map<string, object> } => {
    let known = types.get(name);
    if (known === undefined) types.set(name, (known = { parents: new Set(), attributes: new Map() }));
    return known;
  };
  for (const { uid, attrs, parents } of entities) {
    const type = typeOf(uid.type);
    for (const [name, value] of Object.entries(attrs))
      type.attributes.set(name, { ...valueType(value), required: false });
    for (const parent of parents) {
      type.parents.add(parent.type);
      typeOf(parent.type);
    }
  }
  return Object.fromEntries(
    [...types].map(([name, { parents, attributes }]) => [
      name,
      {
        memberOfTypes: [...parents],
        shape: { type: 'Record', attributes: Object.fromEntries(attributes) },
      },
    ]),
  );
}

/** The Cedar type of a value. An empty list is one of strings. */
export function valueType(value: CedarValue): object {
  switch (typeof value) {
    case 'string':
      return { type: 'String' };
    case 'number':
      return { type: 'Long' };
    case 'boolean':
      return { type: 'Boolean' };
    default:
      if (isList(value)) return { type: 'Set', element: valueType(value[0] ?? '') };
      return {
        type: 'Record',
        attributes: Object.fromEntries(
          Object.entries(value).map(([name, inner]) => [name, { ...valueType(inner), required: false }]),
        ),
      };
  }
}

function isList(value: CedarValue): value is readonly CedarValue[] {
  return Array.isArray(value);
}
