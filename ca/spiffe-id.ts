import { GarrisonError } from '#proto/errors/index.ts';

declare const trustDomainBrand: unique symbol;

/** The name of a trust domain, as parseTrustDomain accepted it. */
export type TrustDomain = string & { readonly [trustDomainBrand]: true };

/** An identity. Two are the same exactly when their texts are the same: nothing is folded, decoded or normalised. */
export interface SpiffeId {
  readonly trustDomain: TrustDomain;
  /** Empty for the trust domain itself, else starts with `/`. */
  readonly path: string;
  toString(): string;
}

/** SPIFFE-ID §2.3. */
export const maxSpiffeIdBytes = 2048;
/** SPIFFE-ID §2.1: as long as a DNS name, though it is none. */
export const maxTrustDomainBytes = 255;

const scheme = 'spiffe://';
const trustDomainCharacters = /^[a-z0-9._-]+$/;
const segmentCharacters = /^[A-Za-z0-9._-]+$/;
const schemeInAnyCase = /^spiffe:\/\//i;

class ParsedSpiffeId implements SpiffeId {
  readonly trustDomain: TrustDomain;
  readonly path: string;

  constructor(trustDomain: TrustDomain, path: string) {
    this.trustDomain = trustDomain;
    this.path = path;
    Object.freeze(this);
  }

  toString(): string {
    return `${scheme}${this.trustDomain}${this.path}`;
  }

  toJSON(): string {
    return this.toString();
  }
}

/** Refuses what is not a trust domain name (SPIFFE-ID §2.1). It is no DNS name: `-a.org`, `a..org` and `10.0.0.1` are fine. */
export function parseTrustDomain(text: string): TrustDomain {
  const reason = trustDomainFault(text);
  if (reason === undefined) return text as TrustDomain;
  throw new GarrisonError('INVALID_ARGUMENT', `trust domain \`${printable(text)}\` ${reason}`);
}

/** Refuses every spelling but the one of the standard, in lower-case scheme and trust domain (SPIFFE-ID §2). */
export function parseSpiffeId(text: string): SpiffeId {
  if (text === '') throw refusal(text, 'is empty', `write it as \`${scheme}trust-domain/path\``);
  if (text.length > maxSpiffeIdBytes) throw refusal(text, `is longer than ${maxSpiffeIdBytes} bytes`);
  if (!text.startsWith(scheme)) {
    if (schemeInAnyCase.test(text)) throw refusal(text, 'has a scheme with capital letters', `write \`${scheme}\``);
    throw refusal(text, `does not start with \`${scheme}\``);
  }
  const slash = text.indexOf('/', scheme.length);
  const end = slash === -1 ? text.length : slash;
  const trustDomain = text.slice(scheme.length, end);
  const fault = trustDomainFault(trustDomain);
  if (fault !== undefined) throw refusal(text, `has a trust domain that ${fault}`);
  const path = text.slice(end);
  checkPath(path, text);
  return new ParsedSpiffeId(trustDomain as TrustDomain, path);
}

/** The identity of a workload as Istio spells it: `spiffe://TD/ns/NAMESPACE/sa/SERVICE_ACCOUNT`. */
export function serviceAccountId(trustDomain: TrustDomain, namespace: string, serviceAccount: string): SpiffeId {
  const id = parseSpiffeId(`${scheme}${trustDomain}/ns/${namespace}/sa/${serviceAccount}`);
  if (serviceAccountOf(id) === undefined) {
    throw refusal(id.toString(), 'has a namespace or service account that is more than one path segment');
  }
  return id;
}

/** What an Istio principal is made of, where the path is exactly `/ns/X/sa/Y`. */
export function serviceAccountOf(id: SpiffeId): { namespace: string; serviceAccount: string } | undefined {
  const [root, ns, namespace, sa, serviceAccount, ...rest] = id.path.split('/');
  if (root !== '' || ns !== 'ns' || sa !== 'sa' || rest.length > 0) return undefined;
  if (namespace === undefined || serviceAccount === undefined) return undefined;
  return { namespace, serviceAccount };
}

/** The identity as attributes and policies write it: without the scheme. */
export function principalOf(id: SpiffeId): string {
  return `${id.trustDomain}${id.path}`;
}

function trustDomainFault(name: string): string | undefined {
  if (name === '') return 'is empty';
  if (name.length > maxTrustDomainBytes) return `is longer than ${maxTrustDomainBytes} bytes`;
  if (trustDomainCharacters.test(name)) return undefined;
  if (segmentCharacters.test(name)) return 'has capital letters';
  return 'has characters other than `a-z`, `0-9`, `.`, `-` and `_`';
}

function checkPath(path: string, whole: string): void {
  if (path === '') return;
  if (path.endsWith('/')) throw refusal(whole, 'has a trailing slash');
  for (const segment of path.slice(1).split('/')) {
    if (segment === '') throw refusal(whole, 'has an empty path segment');
    if (segment === '.' || segment === '..') throw refusal(whole, `has the path segment \`${segment}\``);
    if (!segmentCharacters.test(segment)) throw refusal(whole, pathReason(segment));
  }
}

function pathReason(segment: string): string {
  if (segment.includes('?')) return 'has a query';
  if (segment.includes('#')) return 'has a fragment';
  if (segment.includes('%')) return 'has percent-encoding in its path';
  return 'has path characters other than letters, digits, `.`, `-` and `_`';
}

function refusal(text: string, reason: string, remedy?: string): GarrisonError {
  const message = `SPIFFE ID \`${printable(text)}\` ${reason}`;
  return new GarrisonError('INVALID_ARGUMENT', message, remedy === undefined ? {} : { remedy });
}

/** Input may be hostile and long: what is shown of it fits a line and holds no control character. */
function printable(text: string): string {
  const shown = text.length > 120 ? `${text.slice(0, 120)}…` : text;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}`]/gu, (c) => `\\u{${(c.codePointAt(0) ?? 0).toString(16)}}`);
}
