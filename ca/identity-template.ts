import { GarrisonError } from '#proto/errors/index.ts';
import { parseSpiffeId, type SpiffeId, type TrustDomain } from './spiffe-id.ts';

/** The path of an identity with places for claims: `/ns/ci/job/{job_id}`, `/ns/{/kubernetes.io/namespace}/x`. */
export interface IdentityTemplate {
  readonly text: string;
  /** Text as it stands, or the way to a claim. */
  readonly parts: readonly (string | readonly string[])[];
}

/** The mesh's own: nobody becomes one of these by what a token or a proxy says of it. */
export function isReserved({ path }: SpiffeId): boolean {
  return path === '/garrison' || path.startsWith('/garrison/');
}

export function readIdentityTemplate(text: string): IdentityTemplate {
  const parts = text.split(/(\{[^{}]*\})/).flatMap((part) => {
    if (part === '') return [];
    return [part.startsWith('{') ? claimPath(part.slice(1, -1), text) : part];
  });
  const template = { text, parts };
  if (parts.every((part) => typeof part === 'string')) {
    throw refusal(text, 'names no claim', 'else every token would be the same identity');
  }
  if (!text.startsWith('/')) throw refusal(text, 'is no path', 'begin it with `/`');
  // The first segment tells whose identities these are, so no claim decides it.
  if (!/^\/[^/{}]+\//.test(text)) throw refusal(text, 'begins with a claim', 'begin it with a segment of your own');
  const example = fill(template, () => 'x', 'example.org' as TrustDomain);
  if (isReserved(example)) throw refusal(text, 'lies among the mesh’s own identities', 'choose another first segment');
  return template;
}

/** `name`, or a JSON pointer (RFC 6901) where the claim lies deeper or its name holds what separates. */
function claimPath(name: string, text: string): readonly string[] {
  if (name === '' || name === '/') throw refusal(text, 'has a place for a claim without a name', 'write `{sub}`');
  if (!name.startsWith('/')) return [name];
  return name
    .slice(1)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
}

/**
 * The identity of a token. Every claim stands as it is, as part of one segment: a claim that could be a segment border,
 * or part of one only after some normalisation, is refused (CVE-2021-27099).
 */
export function fillIdentityTemplate(
  template: IdentityTemplate,
  claims: Readonly<Record<string, unknown>>,
  trustDomain: TrustDomain,
): SpiffeId {
  return fill(template, (path) => claimAt(claims, path), trustDomain);
}

function fill(
  { parts }: IdentityTemplate,
  value: (path: readonly string[]) => string,
  trustDomain: TrustDomain,
): SpiffeId {
  const path = parts.map((part) => (typeof part === 'string' ? part : value(part))).join('');
  return parseSpiffeId(`spiffe://${trustDomain}${path}`);
}

function claimAt(claims: Readonly<Record<string, unknown>>, path: readonly string[]): string {
  let at: unknown = claims;
  for (const step of path) {
    const isObject = typeof at === 'object' && at !== null && !Array.isArray(at) && Object.hasOwn(at, step);
    at = isObject ? (at as Readonly<Record<string, unknown>>)[step] : undefined;
  }
  const name = path.join('/');
  if (typeof at !== 'string')
    throw new GarrisonError('INVALID_ARGUMENT', `the claim \`${name}\` is missing or no text`);
  if (/^[A-Za-z0-9._-]+$/.test(at)) return at;
  throw new GarrisonError('INVALID_ARGUMENT', `the claim \`${name}\` holds what no segment of an identity may hold`);
}

function refusal(text: string, why: string, remedy: string): GarrisonError {
  return new GarrisonError('INVALID_ARGUMENT', `the identity \`${text.slice(0, 200)}\` ${why}`, { remedy });
}
