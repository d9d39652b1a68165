const bracket = ']'.charCodeAt(0);
const slash = '/'.charCodeAt(0);

/**
 * Which of two policies, `namespace/name`, comes first where upstream sorts them as `ns[namespace]-policy[name]`: a bracket
 * ends both parts, so that `shop1` comes before `shop`. Nothing is made for it: thousands are compared at every change.
 */
export function comparePolicies(a: string, b: string): number {
  const end = Math.max(a.length, b.length);
  for (let at = 0; at < end; at++) {
    const difference = unitAt(a, at) - unitAt(b, at);
    if (difference !== 0) return difference;
  }
  return 0;
}

function unitAt(policy: string, at: number): number {
  const unit = at < policy.length ? policy.charCodeAt(at) : bracket;
  return unit === slash ? bracket : unit;
}
