import type { TokenOutcome } from '../decide/evidence.ts';
import { tokenOfClaims } from '../decide/token.ts';
import type { TokenRules } from '../tokens/merge-rules.ts';
import { rewrite } from '../tokens/outputs.ts';
import type { Jwt, Request } from './request-shape.ts';

/** What the token step makes of a token that a case gives as verified: by the rules of its issuer, if there are any. */
export function verifiedToken(jwt: Jwt, rules: TokenRules | undefined, request: Request): TokenOutcome {
  const claims = claimsOf(jwt);
  const own = (rules?.rules ?? []).filter(({ rule }) => rule.issuer === jwt.issuer);
  const token = tokenOfClaims(
    claims,
    own.flatMap(({ rule }) => rule.spaceDelimitedClaims),
  );
  const payload = base64url(JSON.stringify(claims));
  const accepted = own.map(({ rule }) => ({
    found: { token: '', place: { kind: 'header', name: 'authorization' } as const, ruleIndexes: [] },
    rule,
    checked: { token, payload },
  }));
  const cookies = (request.http?.headers ?? [])
    .filter(([name]) => name.toLowerCase() === 'cookie')
    .map(([, value]) => value);
  const names = (request.http?.headers ?? []).map(([name]) => name.toLowerCase());
  const spellings = names.filter((name) => rules?.writes(name));
  const upstream =
    rules === undefined
      ? { headers: new Map<string, string | undefined>(), path: undefined }
      : rewrite(rules, accepted, { path: request.http?.path, cookies, spellings });
  if (upstream !== undefined) return { kind: 'accepted', token, upstream };
  const reason = 'a claim cannot be written into a header';
  return {
    kind: 'refused',
    status: 401,
    reason,
    policy: own[0]?.policy ?? 'none',
    challenge: 'Bearer error="invalid_token"',
  };
}

function claimsOf({ issuer, subject, audiences, presenter, claims }: Jwt): Record<string, unknown> {
  const all = Object.create(null) as Record<string, unknown>;
  for (const [name, value] of claims) all[name] = plain(value);
  const given = { iss: issuer, sub: subject, aud: audiences, azp: presenter };
  for (const [name, value] of Object.entries(given)) if (value !== undefined) all[name] = value;
  return all;
}

/** JSON has no integers beyond those of a double. */
function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  const copy = Object.create(null) as Record<string, unknown>;
  for (const [name, each] of Object.entries(value)) copy[name] = plain(each);
  return copy;
}

function base64url(text: string): string {
  const binary = Array.from(new TextEncoder().encode(text), (octet) => String.fromCharCode(octet)).join('');
  return btoa(binary).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
