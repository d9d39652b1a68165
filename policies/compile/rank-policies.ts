import { eachLightly, sorted } from '#schema/index.ts';
import type { Steps } from '#schema/index.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';

/** The rank of each policy's first rule. */
export type Ranks = ReadonlyMap<AuthorizationPolicy, number>;

/** Policies by name as upstream spells it in a rule's name; each gets as many ranks as it has rules. */
export function* rankPolicies(policies: readonly AuthorizationPolicy[]): Steps<Ranks> {
  const spelled: { policy: AuthorizationPolicy; text: string }[] = [];
  yield* eachLightly(policies, (policy) => {
    spelled.push({ policy, text: `ns[${policy.metadata.namespace}]-policy[${policy.metadata.name}]` });
  });
  const inOrder = yield* sorted(spelled, (a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
  const ranks = new Map<AuthorizationPolicy, number>();
  let next = 0;
  yield* eachLightly(inOrder, ({ policy }) => {
    ranks.set(policy, next);
    next += policy.rules.length;
  });
  return ranks;
}
