import { isTemplate } from '../compile/path-template.ts';
import { readPattern } from '../compile/pattern.ts';
import { isToken } from '../decide/scan-headers.ts';
import type { AuthorizationPolicy } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import { profilesOf } from './profiles-of.ts';
import { innerStar } from './inner-star.ts';

/** Why no request has what a value asks for; undefined where one may have it, in any profile that reads the policy. */
export function impossible(
  key: string,
  value: string,
  policy: AuthorizationPolicy,
  set: PolicySet,
): string | undefined {
  if (key === 'path') return impossiblePath(value, set);
  if (key === 'source.namespace' && value.includes('/')) return `a namespace has no \`/\`, and \`${value}\` has one`;
  if (key === 'method' && !isToken(value)) return `\`${value}\` is not one method`;
  if (key.startsWith('request.headers[')) return impossibleHeader(key.slice('request.headers['.length, -1));
  const identity = outsideIdentities.get(key);
  return identity === undefined || !isStrictOnly(policy, set) ? undefined : impossibleIdentity(key, value, identity);
}

/** What SPIFFE-ID §2 lets into none of them: the strict profile refuses a caller whose identity has it. */
const outsideIdentities: ReadonlyMap<string, RegExp> = new Map([
  ['source.principal', /[^A-Za-z0-9._/-]/],
  ['source.namespace', /[^A-Za-z0-9._*-]/],
  ['source.serviceAccount', /[^A-Za-z0-9._/-]/],
  ['source.trustDomain', /[^A-Za-z0-9._-]/],
]);

function impossibleIdentity(key: string, value: string, outside: RegExp): string | undefined {
  // The scheme has a rule of its own.
  if (value.startsWith('spiffe://')) return undefined;
  const pattern = readPattern(value);
  const found = pattern.kind === 'any' ? undefined : outside.exec(pattern.text)?.[0];
  if (found === undefined) return undefined;
  return found === '*' ? innerStar(key, value) : `no identity has \`${found}\` in it, and \`${value}\` does`;
}

function isStrictOnly(policy: AuthorizationPolicy, set: PolicySet): boolean {
  return [...profilesOf(policy, set)].every((profile) => profile === 'strict');
}

/** What HTTP/2 writes beside the headers, and proxies report among them. */
const pseudoHeaders = new Set([':authority', ':method', ':path', ':protocol', ':scheme']);

function impossibleHeader(name: string): string | undefined {
  if (isToken(name) || pseudoHeaders.has(name.toLowerCase())) return undefined;
  return `no header can be called \`${name}\``;
}

/** What every normalisation of a path escapes, or in the case of the backslash turns into a slash. */
const neverInPaths = /["<>^`{|}\\ \p{Cc}\u{80}-\u{10ffff}]/u;

/** Rules see paths that begin with `/` (or are `*`, of OPTIONS), without query and fragment. */
function impossiblePath(value: string, { mesh }: PolicySet): string | undefined {
  if (/[?#]/.test(value)) return `rules see paths without query and fragment, and \`${value}\` has one`;
  if (!value.startsWith('/') && !value.startsWith('*') && !value.startsWith('{')) {
    return `a path begins with \`/\`, and \`${value}\` does not`;
  }
  const level =
    mesh.pathNormalization ??
    (mesh.profile === 'strict' && mesh.namespaceProfiles === undefined ? 'DECODE_AND_MERGE_SLASHES' : 'BASE');
  if (isTemplate(value) || level === 'NONE') return undefined;
  const escaped = neverInPaths.exec(value)?.[0];
  if (escaped === '\\') return `rules see \`\\\` in a path as \`/\`, and \`${value}\` has one`;
  if (escaped !== undefined) {
    return `rules see \`${escaped}\` in a path as \`${percentEncoded(escaped)}\`, and \`${value}\` has it as it is`;
  }
  const merged = level === 'MERGE_SLASHES' || level === 'DECODE_AND_MERGE_SLASHES';
  return merged && value.includes('//')
    ? `slashes are merged before rules see a path, and \`${value}\` has \`//\``
    : undefined;
}

function percentEncoded(character: string): string {
  const octets = new TextEncoder().encode(character);
  return [...octets].map((octet) => `%${octet.toString(16).toUpperCase().padStart(2, '0')}`).join('');
}
