import type { Upstream } from '../decide/evidence.ts';
import type { JwtRule } from '../documents/model.ts';
import type { Checked } from './verify-token.ts';
import { withoutCookies, withoutParams } from './locations.ts';
import type { FoundToken } from './locations.ts';
import type { TokenRules } from './merge-rules.ts';

/** A token that one rule accepted, and where it stood. */
export interface AcceptedToken {
  readonly found: FoundToken;
  readonly rule: JwtRule;
  readonly checked: Checked;
}

/** The parts of a request that tokens are taken out of. */
export interface TokenCarrier {
  readonly path: string | undefined;
  readonly cookies: readonly string[];
  /** Names under which there may be a header that a rule would write. */
  readonly spellings: readonly string[];
}

/**
 * The request as the application gets it: tokens out, claims in. Whatever a client sent under a name that a rule writes is gone.
 * Undefined where a claim holds what no header may (CVE-2023-27493).
 */
export function rewrite(
  rules: TokenRules,
  accepted: readonly AcceptedToken[],
  carrier: TokenCarrier,
): Upstream | undefined {
  const headers = new Map<string, string | undefined>(
    [...rules.written, ...carrier.spellings].map((name) => [name, undefined]),
  );
  const taken = accepted.filter(({ rule }) => !rule.forwardOriginalToken).map(({ found }) => found.place);
  for (const place of taken) if (place.kind === 'header') headers.set(place.name, undefined);
  const cookies = new Set(taken.filter(({ kind }) => kind === 'cookie').map(({ name }) => name));
  if (cookies.size > 0) headers.set('cookie', withoutCookies(carrier.cookies, cookies));
  const params = new Set(taken.filter(({ kind }) => kind === 'param').map(({ name }) => name));
  const path = carrier.path === undefined || params.size === 0 ? undefined : withoutParams(carrier.path, params);
  for (const { rule, checked } of accepted) {
    if (rule.outputPayloadToHeader !== undefined)
      headers.set(rule.outputPayloadToHeader.toLowerCase(), checked.payload);
    for (const { header, claim } of rule.outputClaimToHeaders) {
      const value = headerValueOf(checked.token.claims, claim);
      if (value === undefined) continue;
      if (!isHeaderValue(value)) return undefined;
      headers.set(header.toLowerCase(), value);
    }
  }
  return { headers, path };
}

/** Strings, whole numbers and booleans; dots lead into objects, unless a claim has the whole name. */
function headerValueOf(claims: Readonly<Record<string, unknown>>, name: string): string | undefined {
  const value = memberAt(claims, name.split('.')) ?? memberAt(claims, [name]);
  if (typeof value === 'string') return value;
  return typeof value === 'boolean' || Number.isSafeInteger(value) ? String(value) : undefined;
}

function memberAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): unknown {
  let value: unknown = claims;
  for (const name of path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, name))
      return undefined;
    value = (value as Record<string, unknown>)[name];
  }
  return value;
}

/** RFC 9110 §5.5, octets only. */
function isHeaderValue(value: string): boolean {
  return /^[\t\x20-\x7e\x80-\xff]*$/.test(value);
}
