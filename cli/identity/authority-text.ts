import type { Authority } from '#proto/gen/garrison/v1/identity.ts';
import { dateOf } from './certificate-text.ts';

export function authorityJson({
  id,
  state,
  since,
  root,
  rootExpires,
  issuingExpires,
}: Authority): Record<string, unknown> {
  return {
    authority: id,
    state,
    since: dateOf(since),
    root,
    rootExpires: dateOf(rootExpires),
    issuingExpires: dateOf(issuingExpires),
  };
}

export function authorityText(authority: Authority): string {
  const { id, state, since, root, rootExpires } = authority;
  // Somebody else's, which may have several.
  const name = root === id || root === '' ? 'root' : `root ${root}`;
  return `${id}  ${state}  since ${dateOf(since) ?? ''}  ${name} until ${dateOf(rootExpires) ?? ''}`;
}
