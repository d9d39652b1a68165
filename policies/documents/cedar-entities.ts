import { any, check, field, list, map, object, quoteable, record, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import type { CedarEntity, CedarValue } from '../cedar/cedar-values.ts';
import { saidByRequest, valueType } from '../cedar/declare.ts';

const typeName = string({
  maxLength: 128,
  pattern: {
    expression: /^(?!(?:Texts|Action|true|false|if|then|else|in|is|like|has|__cedar)$)[A-Za-z_][A-Za-z0-9_]*$/,
    reason: 'cannot be a type here',
    fix: 'write `Caller`, `Workload` or a name of your own',
  },
});
const id = string({ minLength: 1, maxLength: 2048 });

const parent = object({
  type: field(typeName, { describe: 'Type of the entity it is in.', required: true }),
  id: field(id, { describe: 'Name of the entity it is in.', required: true }),
});

const entity: Shape<CedarEntity> = map(
  object({
    type: field(typeName, { describe: '`Caller`, `Workload`, or a type of your own.', required: true }),
    id: field(id, { describe: 'A Caller’s principal, a Workload’s `namespace/name`, or a name.', required: true }),
    attrs: field(record(any()), {
      describe: 'Attributes: texts, integers, booleans, lists and mappings of them.',
      default: new Map<string, unknown>(),
    }),
    parents: field(list(parent), { describe: 'Entities that it is in.', default: [] }),
  }),
  ({ type, id: name, attrs, parents }, here) => {
    const values: Record<string, CedarValue> = {};
    for (const [key, given] of attrs) {
      if (saidByRequest[type]?.includes(key) === true) {
        here.fault(`\`${key}\` of a ${type} is what the request says`, 'name it otherwise', 'attrs', key);
      }
      const value = cedarValue(given);
      if (value === undefined) {
        here.fault(
          'Cedar has no such value',
          'write a text, an integer, true, false, or a list of one kind',
          'attrs',
          key,
        );
      } else values[key] = value;
    }
    return { uid: { type, id: name }, attrs: values, parents: parents.map((of) => ({ type: of.type, id: of.id })) };
  },
);

/** Stored entities: none twice, and an attribute of one type wherever it stands. */
export const entities: Shape<readonly CedarEntity[]> = check(list(entity, { max: 10_000 }), (all, here) => {
  const seen = new Set<string>();
  const types = new Map<string, string>();
  for (const [index, { uid, attrs }] of all.entries()) {
    const key = JSON.stringify([uid.type, uid.id]);
    if (seen.has(key)) here.fault(`\`${quoteable(uid.id)}\` is given twice`, 'keep one of them', index, 'id');
    seen.add(key);
    checkTypes(uid.type, attrs, types, index, here);
  }
});

function checkTypes(
  owner: string,
  attrs: CedarEntity['attrs'],
  types: Map<string, string>,
  index: number,
  here: Here,
): void {
  for (const [name, value] of Object.entries(attrs)) {
    const key = JSON.stringify([owner, name]);
    const type = JSON.stringify(valueType(value));
    const known = types.get(key) ?? type;
    if (known !== type)
      here.fault(`\`${quoteable(name)}\` is of another type above`, 'give it the same type', index, 'attrs', name);
    types.set(key, known);
  }
}

function cedarValue(value: unknown): CedarValue | undefined {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return Number.isSafeInteger(value) ? value : undefined;
  if (Array.isArray(value)) return listValue(value);
  if (typeof value !== 'object' || value === null) return undefined;
  const record: Record<string, CedarValue> = {};
  for (const [name, inner] of Object.entries(value)) {
    const known = cedarValue(inner);
    // Cedar's JSON says other things with these: entities and extension values.
    if (known === undefined || name.startsWith('__')) return undefined;
    record[name] = known;
  }
  return record;
}

function listValue(items: readonly unknown[]): CedarValue | undefined {
  const values = items.map(cedarValue);
  if (!values.every((value) => value !== undefined)) return undefined;
  return new Set(values.map((value) => JSON.stringify(valueType(value)))).size > 1 ? undefined : values;
}
