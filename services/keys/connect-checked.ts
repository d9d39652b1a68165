import { lookup as systemLookup } from 'node:dns';
import type { LookupAddress } from 'node:dns';
import { isIP } from 'node:net';
import type { LookupFunction } from 'node:net';
import { GarrisonError } from '#proto/errors/index.ts';
import { mayFetchFrom, plainHost } from './address-rules.ts';
import type { AllowedHosts } from './address-rules.ts';

/** Every address of a name. */
export type Resolve = (host: string) => Promise<readonly LookupAddress[]>;

export const systemResolve: Resolve = (host) =>
  new Promise((resolve, reject) => {
    systemLookup(host, { all: true, order: 'verbatim' }, (error, addresses) => {
      if (error === null) resolve(addresses);
      else reject(error);
    });
  });

/**
 * A lookup that answers with addresses that were checked, so that the connection goes to one of these and to no other:
 * between a check and a second lookup a name could be made to point elsewhere (DNS rebinding).
 */
export function checkedLookup(resolve: Resolve, allowed: AllowedHosts): LookupFunction {
  return (host, options, done) => {
    resolve(host).then(
      (addresses) => {
        const refused = addresses.find(({ address }) => !mayFetchFrom(address, host, allowed));
        const [first] = addresses;
        // A public name with one address inside is somebody's attempt, not a choice to make the best of.
        if (refused !== undefined || first === undefined) done(refusedHost(host, refused?.address, allowed), '', 0);
        else if (options.all === true) done(null, [...addresses]);
        else done(null, first.address, first.family);
      },
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error)), '', 0),
    );
  };
}

/** Throws for a URL whose host is an address that may not be asked: for one of these nothing is looked up. */
export function refuseAddress(url: URL, allowed: AllowedHosts): void {
  const host = plainHost(url.hostname);
  if (isIP(host) !== 0 && !mayFetchFrom(host, host, allowed)) throw refusedHost(host, host, allowed);
}

function refusedHost(host: string, address: string | undefined, { remedy }: AllowedHosts): GarrisonError {
  const why = address === undefined || address === host ? '' : `: it resolves to \`${address}\``;
  return new GarrisonError('PERMISSION_DENIED', `keys are not fetched from \`${host}\`${why}`, { remedy });
}
