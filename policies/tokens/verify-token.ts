import { compactVerify } from 'jose';
import type { JwtRule } from '../documents/model.ts';
import { tokenOfClaims } from '../decide/token.ts';
import type { VerifiedToken } from '../decide/token.ts';
import { candidates, importKey, inlineKeys, isSignatureAlgorithm } from './keys.ts';
import type { KeySet, KeySource } from './keys.ts';
import { readStrictJson } from './strict-json.ts';

/** What a token says, before anyone has checked that it is true. */
export interface ReadToken {
  readonly text: string;
  readonly alg: string;
  readonly kid: string | undefined;
  readonly claims: Readonly<Record<string, unknown>>;
  /** The payload as it stands in the token, in base64url. */
  readonly payload: string;
}

/** `issuer`: the rule is about other tokens. `audience`: sound, but for somebody else. */
export interface TokenFault {
  readonly kind: 'issuer' | 'audience' | 'invalid';
  readonly reason: string;
}

export interface Checked {
  readonly token: VerifiedToken;
  readonly payload: string;
}

const maxBytes = 16 * 1024;
/** A signature is tried with no more keys than this when a token does not say which one made it. */
const maxAttempts = 8;

/** Takes a token apart, or says what is malformed about it. */
export function readToken(text: string): ReadToken | TokenFault {
  if (text.length > maxBytes) return invalid('the token is longer than 16 KiB');
  const [header = '', payload = '', signature = '', ...rest] = text.split('.');
  const base64url = /^[A-Za-z0-9_-]+$/;
  if (rest.length > 0 || ![header, payload, signature].every((part) => base64url.test(part))) {
    return invalid('the token is no signed token of three parts');
  }
  const head = readPart(header);
  if (typeof head === 'string') return invalid(`the token's header ${head}`);
  const claims = readPart(payload);
  if (typeof claims === 'string') return invalid(`the token's payload ${claims}`);
  const { alg, kid, crit } = head;
  if (typeof alg !== 'string' || !isSignatureAlgorithm(alg))
    return invalid('the token is not signed with a known algorithm');
  if (kid !== undefined && typeof kid !== 'string') return invalid("the token's key id is no string");
  if (crit !== undefined) return invalid('the token needs an extension');
  const fault = claimFault(claims);
  return fault === undefined ? { text, alg, kid, claims, payload } : invalid(fault);
}

function readPart(part: string): Readonly<Record<string, unknown>> | string {
  try {
    const binary = atob(part.replaceAll('-', '+').replaceAll('_', '/'));
    const bytes = new Uint8Array(binary.length);
    for (let at = 0; at < binary.length; at++) bytes[at] = binary.charCodeAt(at);
    return readStrictJson(bytes);
  } catch {
    return 'is not base64url';
  }
}

/** RFC 7519 §4.1: what the registered claims must be where they are there. */
function claimFault(claims: Readonly<Record<string, unknown>>): string | undefined {
  for (const name of ['iss', 'sub', 'jti']) {
    if (Object.hasOwn(claims, name) && typeof claims[name] !== 'string') return `claim \`${name}\` is no string`;
  }
  for (const name of ['exp', 'nbf', 'iat']) {
    if (Object.hasOwn(claims, name) && !Number.isFinite(claims[name])) return `claim \`${name}\` is no number`;
  }
  const aud = Object.hasOwn(claims, 'aud') ? claims['aud'] : undefined;
  const isList = Array.isArray(aud) && aud.every((element) => typeof element === 'string');
  return aud === undefined || typeof aud === 'string' || isList
    ? undefined
    : 'claim `aud` is neither a string nor a list of them';
}

/** Checks a token against one rule: issuer, time, signature, audience. */
export async function checkToken(
  read: ReadToken,
  rule: JwtRule,
  keys: KeySource,
  nowMs: number,
  skewMs: number,
): Promise<Checked | TokenFault> {
  const token = tokenOfClaims(read.claims, rule.spaceDelimitedClaims);
  if (rule.issuer !== '' && token.issuer !== rule.issuer) {
    return { kind: 'issuer', reason: 'no rule knows the issuer of the token' };
  }
  const { exp, nbf } = read.claims;
  if (typeof exp === 'number' && nowMs > exp * 1000 + skewMs) return invalid('the token has expired');
  if (typeof nbf === 'number' && nbf * 1000 > nowMs + skewMs) return invalid('the token is not valid yet');
  const fault = await signatureFault(read, rule, keys);
  if (fault !== undefined) return invalid(fault);
  if (rule.audiences.length > 0 && !rule.audiences.some((audience) => token.audiences.includes(audience))) {
    return { kind: 'audience', reason: 'the token is for another audience' };
  }
  return { token, payload: read.payload };
}

async function signatureFault(read: ReadToken, rule: JwtRule, keys: KeySource): Promise<string | undefined> {
  const inline = inlineKeys(rule);
  try {
    const set = inline ?? (await keys.keysFor(rule, undefined));
    if (await isSignedByAny(read, set)) return undefined;
    // Issuers rotate keys: a key id nobody has seen is worth one more look at the source.
    if (inline !== undefined || (read.kid !== undefined && set.keys.some((key) => key.kid === read.kid))) {
      return 'no key of the issuer has signed the token';
    }
    const fresh = await keys.keysFor(rule, read.kid ?? '');
    return fresh !== set && (await isSignedByAny(read, fresh))
      ? undefined
      : 'no key of the issuer has signed the token';
  } catch {
    return 'the keys of the issuer cannot be had';
  }
}

async function isSignedByAny(read: ReadToken, set: KeySet): Promise<boolean> {
  for (const key of candidates(set, read.alg, read.kid).slice(0, maxAttempts)) {
    try {
      await compactVerify(read.text, await importKey(key, read.alg), { algorithms: [read.alg] });
      return true;
    } catch {
      // Another key may have made the signature.
    }
  }
  return false;
}

function invalid(reason: string): TokenFault {
  return { kind: 'invalid', reason };
}
