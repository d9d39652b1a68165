import {
  type Certificate,
  readAltNames,
  readBasicConstraints,
  readCertificate,
  readExtKeyUsage,
  readKeyUsage,
  uriTag,
} from '#ca/certificate/read-certificate.ts';
import { oids } from '#ca/der/oids.ts';
import { type SpiffeId, parseSpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { X509Certificate } from 'node:crypto';
import type { Identity } from './identity-source.ts';
import { whyNotBelieved } from './refused-authorities.ts';
import { shownWith } from './shown-certificates.ts';

/** The process at the other end of a unix socket, as the kernel vouches for it. */
export interface UnixPeer {
  readonly uid: number;
  readonly gid: number;
  readonly pid: number;
  /** The file it runs; absent where the kernel would not say. */
  readonly executable?: string;
  /** Which file that is, whatever lies at its path later: device, inode, size and time of change. */
  readonly binary?: string;
  /** When it started, in the kernel's ticks: with the pid, which process it is, now and later. */
  readonly startTime?: string;
  /** Its supplementary groups. */
  readonly groups?: readonly number[];
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

/** Bits of keyUsage that make a signing certificate (RFC 5280 §4.2.1.3). */
const signingBits = [5, 6];

/**
 * The identity in a certificate whose chain is already verified: SPIFFE X509-SVID §4 and §5.2.
 * Throws UNAUTHENTICATED with the reason when it is nobody's. The certificate is read from its own bytes: the text form
 * that node:crypto gives has let one name hide in another before, and its `ca` asks for more than basicConstraints.
 * `own` is who asks: its authority may have said that this very certificate is worth nothing, or one that vouches for it.
 * `shown` is that certificate with what was shown beside it.
 */
export function identifyPeer(
  certificate: X509Certificate,
  role: 'client' | 'server',
  own?: Pick<Identity, 'bundle' | 'revoked' | 'refused'>,
  shown: readonly X509Certificate[] = shownWith(certificate),
): SpiffeId {
  const { extensions, serial } = read(certificate).tbs;
  const alternative = extensions.get(oids.subjectAltName);
  const names = alternative === undefined ? [] : attempt(() => readAltNames(alternative.value));
  const uris = names.filter(({ tag }) => tag === uriTag);
  const [uri] = uris;
  if (uri === undefined || uris.length !== 1) {
    throw refusal(`the certificate has ${uris.length} URI names and an X509-SVID has exactly one`);
  }
  const id = attempt(() => parseSpiffeId(uri.text));
  if (id.path === '') throw refusal(`\`${id.toString()}\` names a trust domain, not a workload`);
  const constraints = extensions.get(oids.basicConstraints);
  const usage = extensions.get(oids.keyUsage);
  const signs =
    usage !== undefined && attempt(() => readKeyUsage(usage.value)).some((bit) => signingBits.includes(bit));
  if (signs || (constraints !== undefined && attempt(() => readBasicConstraints(constraints.value)).ca)) {
    throw refusal(`the certificate of \`${id.toString()}\` is a certificate authority’s`);
  }
  const extended = extensions.get(oids.extKeyUsage);
  const needed = role === 'client' ? oids.clientAuth : oids.serverAuth;
  if (extended !== undefined && !attempt(() => readExtKeyUsage(extended.value)).includes(needed)) {
    throw refusal(`the certificate of \`${id.toString()}\` is not for ${role} authentication`);
  }
  const hex = Buffer.from(serial).toString('hex').padStart(40, '0');
  if (own?.revoked?.has(hex) === true) throw refusal(`the certificate of \`${id.toString()}\` was revoked`);
  const why = own === undefined ? undefined : whyNotBelieved(shown, own);
  if (why !== undefined) throw refusal(`\`${id.toString()}\` is not believed: ${why}`);
  return id;
}

function read(certificate: X509Certificate): Certificate {
  return attempt(() => readCertificate(certificate.raw));
}

/** What a reader refuses is, here, a peer that proves nothing. */
function attempt<T>(reader: () => T): T {
  try {
    return reader();
  } catch (cause) {
    const reason = cause instanceof GarrisonError ? cause.message : String(cause);
    throw refusal(`the certificate is no X509-SVID: ${reason}`, cause);
  }
}

function refusal(message: string, cause?: unknown): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', message, { cause });
}
