import type { JwtAuthority } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { dateOf } from './certificate-text.ts';

export function jwtJson({ kid, state, since, authority }: JwtAuthority): Record<string, unknown> {
  return { kid, state, since: dateOf(since), authority: authority === '' ? null : authority };
}

export function jwtText({ kid, state, since, authority }: JwtAuthority): string {
  const made = authority === '' ? '' : `  made with the authority ${authority}`;
  return `${kid}  ${state}  since ${dateOf(since) ?? ''}${made}`;
}
