import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { GarrisonError } from '#proto/errors/index.ts';
import { isLoopback, parseAddress } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import type { ClientSecurity } from '#runtime/grpc/client.ts';
import { staticIdentity } from '#runtime/identity-source.ts';
import { identifyPeer } from '#runtime/peer.ts';
import type { Flags } from './verb.ts';

/** Flags of verbs that call a service of the mesh. */
export const clientFlags = {
  server: {
    kind: 'string',
    value: 'ADDRESS',
    describe: 'host:port or unix:///path; plaintext without --certificate',
    required: true,
  },
  certificate: { kind: 'string', value: 'FILE', describe: 'PEM chain of the identity to call with (mTLS)' },
  key: { kind: 'string', value: 'FILE', describe: 'its private key, PKCS#8 PEM' },
  bundle: { kind: 'string', value: 'FILE', describe: 'PEM roots of the trust domain' },
} as const satisfies Flags;

interface Given {
  readonly server: string;
  readonly certificate: string | undefined;
  readonly key: string | undefined;
  readonly bundle: string | undefined;
}

export interface ServerToCall {
  readonly address: Address;
  readonly security: ClientSecurity;
}

/** Where and how to call. `service`: the server must be `spiffe://TRUST_DOMAIN/garrison/SERVICE` of the caller's domain. */
export function serverToCall(given: Given, service: string, cwd: string): ServerToCall {
  const address = parseAddress(given.server);
  const { certificate, key, bundle } = given;
  if (certificate === undefined && key === undefined && bundle === undefined) {
    if (!isLoopback(address)) {
      throw new GarrisonError(
        'INVALID_ARGUMENT',
        `\`${given.server}\` is another host, and plaintext is for this one`,
        {
          place: '--server',
          remedy: 'give --certificate, --key and --bundle (`garrison identity mint` makes them)',
        },
      );
    }
    return { address, security: { kind: 'plaintext' } };
  }
  if (certificate === undefined || key === undefined || bundle === undefined) {
    throw new GarrisonError('INVALID_ARGUMENT', 'an identity is --certificate, --key and --bundle together');
  }
  const chain = pemBlocks(read(certificate, cwd), certificate);
  const leaf = new X509Certificate(chain[0] ?? '');
  const spiffeId = identifyPeer(leaf, 'client');
  const identity = staticIdentity({
    spiffeId,
    certificates: chain,
    privateKey: read(key, cwd),
    bundle: pemBlocks(read(bundle, cwd), bundle),
    expiresAt: new Date(leaf.validTo),
  });
  const expect = (id: { readonly path: string }): boolean => id.path === `/garrison/${service}`;
  return { address, security: { kind: 'tls', identity, expect } };
}

/** For the `catch` of a call: a server that cannot be reached is the commonest mistake, so say what to try. */
export function explainUnreachable(server: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof GarrisonError) || error.code !== 'UNAVAILABLE') throw error;
    throw new GarrisonError('UNAVAILABLE', error.message, {
      place: `--server ${server}`,
      remedy:
        'start the service with `garrison up`, or name the address that its `ready` line tells: ' +
        '`authzLocal` or `telemetryLocal`, or with --certificate, --key and --bundle the ports for mTLS',
      cause: error,
    });
  };
}

function read(file: string, cwd: string): string {
  try {
    return readFileSync(path.resolve(cwd, file), 'utf8');
  } catch (cause) {
    throw new GarrisonError('NOT_FOUND', 'the file cannot be read', { place: file, remedy: 'correct the path', cause });
  }
}

function pemBlocks(text: string, file: string): string[] {
  const blocks = text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g);
  if (blocks !== null) return blocks;
  throw new GarrisonError('INVALID_ARGUMENT', 'the file holds no PEM certificate', { place: file });
}
