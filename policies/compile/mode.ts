import type { Action } from '../documents/model.ts';

/**
 * How a list compares where a request has several readings. Wide: any doubt matches. Narrow: any doubt does not match.
 * Plain: as upstream, where there is no doubt.
 */
export type Mode = 'wide' | 'narrow' | 'plain';

/** Wide where matching makes the outcome stricter, narrow where it opens. */
export function modesFor(profile: 'strict' | 'istio', action: Action): { positive: Mode; negative: Mode } {
  if (profile === 'istio') return { positive: 'plain', negative: 'plain' };
  return action === 'ALLOW' ? { positive: 'narrow', negative: 'wide' } : { positive: 'wide', negative: 'narrow' };
}
