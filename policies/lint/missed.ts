import type { Action } from '../documents/model.ts';

/** What happens to a request that a list ought to match and does not; undefined where it is refused and so noticed. */
export function missed(action: Action, negative: boolean): string | undefined {
  if (negative) {
    return action === 'ALLOW' ? 'what it should keep out is allowed' : undefined;
  }
  switch (action) {
    case 'DENY':
      return 'requests that it should deny pass';
    case 'CUSTOM':
      return 'requests pass that the provider should be asked about';
    case 'AUDIT':
      return 'requests that it should report are not reported';
    case 'ALLOW':
      return undefined;
    default:
      return action satisfies never;
  }
}

/** What a rule that is dead does, and what comes of it. */
export function nothing(action: Action, http: boolean): string {
  // On TCP a field of HTTP falls away from a rule that is no ALLOW (authorization.md §1.6).
  const never = http && action !== 'ALLOW' ? 'matches no HTTP request' : 'never matches';
  const what = missed(action, false);
  return what === undefined ? never : `${never} (${what})`;
}

/** What is wrong with a value, and what comes of it. */
export function withMissed(reason: string, action: Action, negative: boolean): string {
  const what = missed(action, negative);
  return what === undefined ? reason : `${reason}: ${what}`;
}
