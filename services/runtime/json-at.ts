/** A member of an object that came as JSON; undefined for everything that is no such thing. */
export function at(value: unknown, ...path: readonly string[]): unknown {
  let found = value;
  for (const name of path) {
    const isObject = typeof found === 'object' && found !== null && !Array.isArray(found) && Object.hasOwn(found, name);
    found = isObject ? (found as Readonly<Record<string, unknown>>)[name] : undefined;
  }
  return found;
}

export function listAt(value: unknown, ...path: readonly string[]): readonly unknown[] {
  const found = at(value, ...path);
  return Array.isArray(found) ? (found as unknown[]) : [];
}

/** The pairs of an object whose values are text. */
export function textsAt(value: unknown, ...path: readonly string[]): [string, string][] {
  const found = at(value, ...path);
  if (typeof found !== 'object' || found === null || Array.isArray(found)) return [];
  return Object.entries(found).filter((pair): pair is [string, string] => typeof pair[1] === 'string');
}
