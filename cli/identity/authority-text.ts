import type { Authority } from '#proto/gen/garrison/v1/identity.ts';
import { dateOf } from './certificate-text.ts';

export function authorityJson({ id, state, since, rootExpires, issuingExpires }: Authority): Record<string, unknown> {
  return {
    authority: id,
    state,
    since: dateOf(since),
    rootExpires: dateOf(rootExpires),
    issuingExpires: dateOf(issuingExpires),
  };
}

export function authorityText(authority: Authority): string {
  const { id, state, since, rootExpires } = authority;
  return `${id}  ${state}  since ${dateOf(since) ?? ''}  root until ${dateOf(rootExpires) ?? ''}`;
}
