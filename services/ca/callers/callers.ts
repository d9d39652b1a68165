import { readFileSync } from 'node:fs';
import { getCACertificates } from 'node:tls';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Clock } from '#runtime/clock.ts';
import type { CallersConfig } from '#runtime/config/callers-config.ts';
import type { Logger } from '#runtime/logger.ts';
import { readAllowedHosts } from '#services/keys/address-rules.ts';
import { systemResolve } from '#services/keys/connect-checked.ts';
import type { Authenticator } from '../certificate-service/claim.ts';
import { authenticateCluster, clusterGrant } from './authenticate-cluster.ts';
import { authenticateForwarded, forwardedGrant } from './authenticate-forwarded.ts';
import { authenticateIssuer, issuerGrant } from './authenticate-issuer.ts';
import { Issuer } from './issuer.ts';

export interface CallersOptions {
  readonly trustDomain: TrustDomain;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly random: () => number;
  readonly onFetched: (outcome: 'fetched' | 'failed') => void;
}

/** The ways of proving oneself that the configuration adds, in the order in which they are tried. */
export interface Callers extends Disposable {
  readonly byToken: readonly Authenticator[];
  /** Before the certificate of the connection itself. */
  readonly byProxy: readonly Authenticator[];
  /** What they grant: a certificate that rests on one of these is renewed for as long as it is configured. */
  readonly grants: ReadonlySet<string>;
}

export function openCallers({ oidc, kubernetes, xfcc, keys }: CallersConfig, options: CallersOptions): Callers {
  const { trustDomain, clock, logger, random, onFetched } = options;
  const fetching = {
    resolve: systemResolve,
    allowed: readAllowedHosts(keys.allow, 'ca.callers.keys.allow'),
    authorities: [
      ...getCACertificates('default'),
      ...(keys.authorities === undefined ? [] : [readPem(keys.authorities)]),
    ],
  };
  const fetchOptions = { clock, logger, random, fetching, maxStaleMs: keys.maxStaleMs, onFetched };
  const issuers = oidc.map((one) => new Issuer(one, trustDomain, fetchOptions));
  return {
    byToken: [authenticateIssuer(issuers, clock), authenticateCluster(kubernetes, trustDomain)],
    byProxy: xfcc === undefined ? [] : [authenticateForwarded(xfcc, trustDomain)],
    grants: new Set([
      ...oidc.map(({ issuer }) => issuerGrant(issuer)),
      ...kubernetes.map(({ cluster }) => clusterGrant(cluster)),
      ...(xfcc === undefined ? [] : [forwardedGrant]),
    ]),
    [Symbol.dispose]: () => {
      for (const issuer of issuers) issuer[Symbol.dispose]();
    },
  };
}

function readPem(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `the authorities in \`${file}\` cannot be read`, {
      place: 'ca.callers.keys.authorities',
      cause,
    });
  }
}
