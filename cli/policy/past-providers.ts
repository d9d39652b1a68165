import type { ProviderAnswer, RequiredProvider } from '#policies/index.ts';
import type { ShownRecord } from '../audit/record-text.ts';

/**
 * What a CUSTOM provider said of a decision that was made. Its refusal is the decision, so the record has it by name; of a
 * decision that came past CUSTOM, all have allowed. Undefined: it gave no answer, or the record does not tell.
 */
export function pastAnswer(
  { effect, policy, reason = '', revision, failOpen = false }: ShownRecord,
  provider: Pick<RequiredProvider, 'name' | 'policy'>,
): ProviderAnswer | undefined {
  const decided = revision !== undefined && revision > 0 && !failOpen && !reason.includes('error while deciding');
  if (!decided) return undefined;
  if (effect === 'allow') return 'allow';
  const said = /provider `([^`]*)` (refused|is unknown or did not answer)/.exec(reason);
  if (said === null) return policy === provider.policy ? undefined : 'allow';
  const [, name, what] = said;
  if (name !== provider.name || policy !== provider.policy) return 'allow';
  return what === 'refused' ? 'deny' : undefined;
}
