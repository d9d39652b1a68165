import { createHash, X509Certificate } from 'node:crypto';
import { connect, type DetailedPeerCertificate } from 'node:tls';
import { GarrisonError } from '#proto/errors/index.ts';
import { formatAddress, isUnix, type Address } from '../address.ts';
import { describeReason } from '../grpc/describe-unreachable.ts';
import { keyExchangeGroups } from '../tls.ts';

const timeoutMs = 5000;

/**
 * The root certificate whose hash a join token carries, as the server at `address` shows it (PEM).
 * Nothing is sent and nothing believed on this connection: the one that carries the token verifies the server with this root.
 */
export async function fetchPinnedRoot(address: Address, rootHash: string, signal: AbortSignal): Promise<string> {
  const shown = await chainOf(address, signal);
  const root = shown.find((der) => createHash('sha256').update(der).digest('hex') === rootHash);
  if (root !== undefined) return new X509Certificate(root).toString();
  throw new GarrisonError(
    'UNAUTHENTICATED',
    `the server at \`${formatAddress(address)}\` is not the authority that made this join token`,
    { remedy: 'correct the address, or make a new token with `garrison identity token create`' },
  );
}

function chainOf(address: Address, signal: AbortSignal): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const place = isUnix(address) ? { path: address.path } : { host: address.host, port: address.port };
    const socket = connect({
      ...place,
      // The chain is judged by the hash in the token.
      rejectUnauthorized: false,
      ALPNProtocols: ['h2'],
      minVersion: 'TLSv1.3',
      ecdhCurve: keyExchangeGroups,
    });
    const fail = (reason: string, cause?: unknown): void => {
      socket.destroy();
      const message = `the authority at \`${formatAddress(address)}\` ${reason}`;
      reject(new GarrisonError('UNAVAILABLE', message, { remedy: 'start it, or correct its address', cause }));
    };
    const abort = (): void => fail('was not asked: we are ending');
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    socket.setTimeout(timeoutMs, () => fail('does not answer'));
    socket.once('error', (error: Error) => fail(`cannot be reached (${describeReason(error.message)})`, error));
    socket.once('close', () => signal.removeEventListener('abort', abort));
    socket.once('secureConnect', () => {
      resolve(walk(socket.getPeerCertificate(true)));
      socket.removeAllListeners('timeout');
      socket.setTimeout(timeoutMs, () => socket.destroy());
      // An orderly end: to the server this is a connection that changed its mind, not one that broke.
      socket.end();
      socket.resume();
    });
  });
}

function walk(leaf: DetailedPeerCertificate): Buffer[] {
  const chain: Buffer[] = [];
  for (let at: DetailedPeerCertificate | undefined = leaf; at !== undefined && chain.length < 10; at = issuerOf(at)) {
    chain.push(at.raw);
  }
  return chain;
}

/** A root is its own issuer; a chain without its root ends in the air, whatever the types say. */
function issuerOf(certificate: DetailedPeerCertificate): DetailedPeerCertificate | undefined {
  const issuer = certificate.issuerCertificate as DetailedPeerCertificate | undefined;
  return issuer === certificate ? undefined : issuer;
}
