import { type Shape, field, map, object, string } from '#schema/index.ts';
import type { Address } from '../address.ts';
import { addressIn, pathIn, socketIn } from './shapes.ts';

/** The authority above this one, whose signature its intermediates carry. */
export type UpstreamConfig =
  | { readonly disk: { readonly certificate: string; readonly key: string; readonly bundle: string | undefined } }
  | { readonly spiffe: SpiffeUpstreamConfig };

export interface SpiffeUpstreamConfig {
  readonly address: Address;
  readonly identity: { readonly workloadApi: string; readonly spiffeId?: string } | { readonly token: string };
}

export function upstreamShape(folder: string): Shape<UpstreamConfig> {
  const disk = object({
    certificate: field(pathIn(folder), {
      required: true,
      describe: 'PEM: the certificate that signs, then those above it',
    }),
    key: field(pathIn(folder), { required: true, describe: 'its private key; read only when an intermediate is due' }),
    bundle: field(pathIn(folder), { describe: 'PEM: the roots; the last of `certificate` where it is left out' }),
  });
  const written = object({
    disk: field(disk, { describe: 'an authority whose certificate and key lie in files' }),
    spiffe: field(spiffeShape(folder), {
      describe: 'a Garrison above, where a Registration with `downstream: true` names this one',
    }),
  });
  return map(written, ({ disk: files, spiffe }, here): UpstreamConfig | undefined => {
    if (here.has('disk') === here.has('spiffe')) {
      here.fault('one authority is above this one', 'give one of `disk` and `spiffe`');
      return undefined;
    }
    if (spiffe !== undefined) return { spiffe };
    return files === undefined ? undefined : { disk: files };
  });
}

function spiffeShape(folder: string): Shape<SpiffeUpstreamConfig> {
  const written = object({
    address: field(addressIn(folder), { required: true, describe: 'the TLS port of the Garrison above' }),
    workloadApi: field(socketIn(folder), { describe: 'its Workload API, which gives this one its identity' }),
    spiffeId: field(string({ minLength: 1 }), { describe: 'which identity, where the Workload API gives several' }),
    token: field(pathIn(folder), { describe: 'or: a file with a join token of the Garrison above' }),
  });
  return map(written, ({ address, workloadApi, spiffeId, token }, here): SpiffeUpstreamConfig | undefined => {
    if (workloadApi === undefined && token !== undefined) return { address, identity: { token } };
    if (workloadApi !== undefined && token === undefined) {
      const named = spiffeId === undefined ? {} : { spiffeId };
      return { address, identity: { workloadApi, ...named } };
    }
    if (here.has('workloadApi') === here.has('token')) {
      here.fault('it is not said how this authority proves itself', 'give one of `workloadApi` and `token`');
    }
    return undefined;
  });
}
