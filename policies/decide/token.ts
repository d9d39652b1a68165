/** What a verified token says. Claims are what JSON.parse made of the payload: only own members of it are ever read. */
export interface VerifiedToken {
  /** Empty where the token has none. */
  readonly issuer: string;
  readonly subject: string;
  readonly audiences: readonly string[];
  readonly presenter: string;
  readonly claims: Readonly<Record<string, unknown>>;
  /** Claims that are lists written with spaces, beside `scope` and `permission`. */
  readonly spaceDelimited: readonly string[];
}

const alwaysSpaceDelimited: readonly string[] = ['scope', 'permission'];

/**
 * The strings found at a path of claims: a string, or the strings of a list.
 * Booleans, numbers and objects match nothing, as upstream.
 */
export function claimAt(token: VerifiedToken, path: readonly string[]): string | readonly string[] | undefined {
  let value: unknown = token.claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  if (typeof value === 'string')
    return isSpaceDelimited(token, path) ? value.split(' ').filter((v) => v !== '') : value;
  if (!Array.isArray(value)) return undefined;
  // A list that is not all strings is no list of strings; its strings still count one by one, as upstream matches them.
  return value.filter((element): element is string => typeof element === 'string');
}

function isSpaceDelimited(token: VerifiedToken, path: readonly string[]): boolean {
  const [name = ''] = path;
  return path.length === 1 && (alwaysSpaceDelimited.includes(name) || token.spaceDelimited.includes(name));
}

/** The token that a payload describes. */
export function tokenOfClaims(
  claims: Readonly<Record<string, unknown>>,
  spaceDelimited: readonly string[],
): VerifiedToken {
  return {
    issuer: stringOf(claims, 'iss'),
    subject: stringOf(claims, 'sub'),
    audiences: audiencesOf(claims),
    presenter: stringOf(claims, 'azp'),
    claims,
    spaceDelimited,
  };
}

function stringOf(claims: Readonly<Record<string, unknown>>, name: string): string {
  const value = Object.hasOwn(claims, name) ? claims[name] : undefined;
  return typeof value === 'string' ? value : '';
}

function audiencesOf(claims: Readonly<Record<string, unknown>>): readonly string[] {
  const value = Object.hasOwn(claims, 'aud') ? claims['aud'] : undefined;
  if (typeof value === 'string') return [value];
  return Array.isArray(value) ? value.filter((element): element is string => typeof element === 'string') : [];
}
