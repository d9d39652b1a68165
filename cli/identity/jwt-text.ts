import type { JwtSigningKey } from '#proto/gen/garrison/v1/jwt-authority.ts';
import { dateOf } from './certificate-text.ts';

export function jwtJson({ kid, state, since, authority }: JwtSigningKey): Record<string, unknown> {
  return { kid, state, since: dateOf(since), authority: authority === '' ? null : authority };
}

export function jwtText({ kid, state, since, authority }: JwtSigningKey): string {
  const made = authority === '' ? '' : `  made with the authority ${authority}`;
  return `${kid}  ${state}  since ${dateOf(since) ?? ''}${made}`;
}
