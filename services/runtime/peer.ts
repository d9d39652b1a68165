import { type SpiffeId, parseSpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { X509Certificate } from 'node:crypto';

/** The process at the other end of a unix socket, as the kernel vouches for it. */
export interface UnixPeer {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** The file it runs; absent where the kernel would not say. */
  readonly executable?: string;
}

/** Who is at the other end of a connection. Read once, when it opens. */
export interface Peer {
  readonly spiffeId: SpiffeId | undefined;
  readonly certificate: X509Certificate | undefined;
  /** The other end's IP address, or the socket file. */
  readonly address: string;
  readonly port: number;
  readonly unix: UnixPeer | undefined;
}

const clientAuth = '1.3.6.1.5.5.7.3.2';
const serverAuth = '1.3.6.1.5.5.7.3.1';

/**
 * The identity in a certificate whose chain is already verified: SPIFFE X509-SVID §4 and §5.2.
 * Throws UNAUTHENTICATED with the reason when it is nobody's.
 */
export function identifyPeer(certificate: X509Certificate, role: 'client' | 'server'): SpiffeId {
  const uris = uriNames(certificate.subjectAltName ?? '');
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) {
    throw refusal(`the certificate has ${uris.length} URI names and an X509-SVID has exactly one`);
  }
  const id = readId(uri);
  if (id.path === '') throw refusal(`\`${uri}\` names a trust domain, not a workload`);
  if (certificate.ca) throw refusal(`the certificate of \`${uri}\` is a certificate authority's`);
  // `keyUsage` is how node:crypto calls the extended key usage; absent means any use.
  const usages = certificate.keyUsage as readonly string[] | undefined;
  const needed = role === 'client' ? clientAuth : serverAuth;
  if (usages !== undefined && !usages.includes(needed)) {
    throw refusal(`the certificate of \`${uri}\` is not for ${role} authentication`);
  }
  return id;
}

function readId(uri: string): SpiffeId {
  try {
    return parseSpiffeId(uri);
  } catch (cause) {
    throw refusal(`\`${uri}\` is not a SPIFFE ID: ${cause instanceof Error ? cause.message : String(cause)}`, cause);
  }
}

function refusal(message: string, cause?: unknown): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', message, { cause });
}

/**
 * URI entries of node:crypto's text form, which writes a value that holds a comma or a quote as a JSON string.
 * What does not read as that form from end to end is refused: a name must not hide in another's value.
 */
function uriNames(subjectAltName: string): string[] {
  const names: string[] = [];
  let read = 0;
  for (const match of subjectAltName.matchAll(/(?:^|, )([^:,"]+):(?:("(?:[^"\\]|\\.)*")|([^,"]*))/gy)) {
    read += match[0].length;
    const [, kind, quoted, bare] = match;
    if (kind === 'URI') names.push(quoted === undefined ? (bare ?? '') : String(JSON.parse(quoted)));
  }
  if (read !== subjectAltName.length) throw refusal('the names of the certificate cannot be read');
  return names;
}
