/** One place where two documents say different things; `undefined` where one says nothing. Lists of values are told whole. */
export interface FieldChange {
  /** `rules[0].to[0].paths`: as the document is read, without the words `source` and `operation`. */
  readonly field: string;
  readonly before: unknown;
  readonly after: unknown;
}

type Tree = Readonly<Record<string, unknown>>;

/** Where two documents differ, apart from where they stand. */
export function changedFields(before: object, after: object): FieldChange[] {
  return [...walk(plain(before), plain(after), '')];
}

/** Everything the model keeps but places, in a form that JSON has. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  if (value instanceof Map) return plain(Object.fromEntries([...(value as Map<string, unknown>)].sort()));
  if (Array.isArray(value)) return value.map(plain);
  if (!isTree(value) || value instanceof Date) return value;
  const kept = Object.entries(value).filter(([key, each]) => key !== 'place' && each !== undefined);
  return Object.fromEntries(kept.map(([key, each]) => [key, plain(each)]));
}

function* walk(before: unknown, after: unknown, field: string): Generator<FieldChange> {
  if (JSON.stringify(before) === JSON.stringify(after)) return;
  if (isList(before) && isList(after) && [...before, ...after].some(isTree)) {
    const length = Math.max(before.length, after.length);
    for (let i = 0; i < length; i++) yield* walk(before[i], after[i], `${field}[${i}]`);
  } else if (isTree(before) && isTree(after) && !isList(before) && !isList(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      yield* walk(before[key], after[key], field === '' ? key : `${field}.${key}`);
    }
  } else {
    yield { field, before, after };
  }
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value);
}

function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null;
}
