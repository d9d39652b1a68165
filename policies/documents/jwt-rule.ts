import { boolean, check, duration, field, list, map, object, oneOf, string } from '#schema/index.ts';
import type { Here, Shape } from '#schema/index.ts';
import { jwksUri as uri } from './jwks-uri.ts';
import type { JwtRule } from './model.ts';

/** One element of `jwtRules` (authorization.md §3 and §4). */

const text = string({ minLength: 1 });
const claimHeader = string({
  minLength: 1,
  pattern: { expression: /^[-_A-Za-z0-9]+$/, reason: 'is not a header name', fix: 'use letters, digits, `-` and `_`' },
});
/** RFC 9110 §5.1. */
const headerName = string({
  minLength: 1,
  pattern: { expression: /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, reason: 'is not a header name' },
});

const fromHeader = object({
  name: field(headerName, { describe: 'Header that carries the token.', required: true }),
  prefix: field(string(), { describe: 'What stands before the token, exactly: `Bearer `.', default: '' }),
});

const claimToHeader = object({
  header: field(claimHeader, { describe: 'Header that the application gets.', required: true }),
  claim: field(text, { describe: 'Claim whose value it gets; `a.b` reaches into an object.', required: true }),
});

/** A JSON Web Key Set, as the text that a rule carries. */
const jwks: Shape<string> = check(text, (value, here) => {
  const keys = readKeys(value);
  if (keys === undefined) {
    here.fault('is not a JSON Web Key Set', 'write a JSON object with a list `keys`');
    return;
  }
  if (keys.some(isSecret)) {
    here.warn('holds a private or symmetric key', 'publish the public part only; whoever reads this can sign tokens');
  }
});

function readKeys(value: string): readonly Record<string, unknown>[] | undefined {
  try {
    const set: unknown = JSON.parse(value);
    const keys = isObject(set) ? set['keys'] : undefined;
    if (!Array.isArray(keys) || !keys.every(isObject) || !keys.every((key) => typeof key['kty'] === 'string'))
      return undefined;
    return keys;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** RFC 7518 §6: `oct` keys are secret as such, `d` is the private part of the others. */
function isSecret(key: Readonly<Record<string, unknown>>): boolean {
  return key['kty'] === 'oct' || 'd' in key || 'k' in key;
}

/** The size upstream's resource definition allows. */
const maxSpaceDelimited = 64;
const defaultTimeoutMs = 5000;

const fields = object({
  issuer: field(text, { describe: 'What `iss` of the token must be; may be left out where `jwksUri` is given.' }),
  audiences: field(list(text), {
    describe: 'The token must name one of these in `aud`; empty: not checked.',
    default: [],
  }),
  jwksUri: field(uri, { describe: 'Where the issuer publishes its keys.' }),
  jwks_uri: field(uri, { describe: 'Older spelling of `jwksUri`.' }),
  jwks: field(jwks, { describe: 'The keys themselves, as a JSON Web Key Set.' }),
  fromHeaders: field(list(fromHeader), {
    describe: 'Headers to look for a token in, instead of the usual places.',
    default: [],
  }),
  fromParams: field(list(text), { describe: 'Query parameters to look for a token in.', default: [] }),
  fromCookies: field(list(text), { describe: 'Cookies to look for a token in.', default: [] }),
  outputPayloadToHeader: field(headerName, { describe: 'Header that gets the verified payload, base64url.' }),
  outputClaimToHeaders: field(list(claimToHeader), { describe: 'Headers that get single claims.', default: [] }),
  forwardOriginalToken: field(boolean(), {
    describe: 'Whether the application gets the token itself.',
    default: false,
  }),
  timeout: field(duration({ minMs: 1 }), {
    describe: 'How long fetching the keys may take.',
    default: defaultTimeoutMs,
  }),
  spaceDelimitedClaims: field(list(text, { max: maxSpaceDelimited }), {
    describe: 'Claims that are lists written with spaces, beside `scope` and `permission`.',
    default: [],
  }),
  presence: field(oneOf(['OPTIONAL', 'REQUIRED']), {
    describe: 'REQUIRED refuses a request without a token with 401.',
    default: 'OPTIONAL' as const,
  }),
});

const keySourceSchema = {
  anyOf: [{ required: ['issuer'] }, { required: ['jwksUri'] }, { required: ['jwks_uri'] }],
  not: {
    anyOf: [
      { required: ['jwks', 'jwksUri'] },
      { required: ['jwks', 'jwks_uri'] },
      { required: ['jwksUri', 'jwks_uri'] },
    ],
  },
};

export const jwtRule: Shape<JwtRule> = map(
  fields,
  ({ jwks_uri: formerUri, timeout, ...value }, here) => {
    checkKeySource(here);
    const jwksUri = value.jwksUri ?? formerUri;
    return { ...value, place: here.node.place, issuer: value.issuer ?? '', jwksUri, timeoutMs: timeout };
  },
  keySourceSchema,
);

function checkKeySource(here: Here): void {
  const uri = ['jwksUri', 'jwks_uri'].filter((key) => here.has(key));
  if (uri.length === 2) here.fault('`jwksUri` and `jwks_uri` are the same field', 'keep `jwksUri`', 'jwks_uri');
  if (uri.length > 0 && here.has('jwks')) {
    here.fault('`jwks` and `jwksUri` exclude each other', 'keep one of them', 'jwks');
  }
  if (uri.length === 0 && !here.has('issuer')) {
    here.fault('has neither `issuer` nor `jwksUri`', 'name the issuer', 'issuer');
  }
}
