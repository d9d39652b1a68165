import { isIP, isIPv6 } from 'node:net';
import { parseAddress, type Address } from '#runtime/address.ts';
import { GarrisonError } from '#proto/errors/index.ts';

/** Where SPIFFE says a workload finds its endpoint (SPIFFE Workload Endpoint §4). */
export const endpointVariable = 'SPIFFE_ENDPOINT_SOCKET';

/**
 * `unix:///PATH` without authority, query or fragment, or `tcp://IP:PORT` and nothing more. Names are refused: whoever
 * answers for a name could be somebody else.
 */
export function parseEndpoint(text: string): Address {
  const unix = /^unix:\/\/(\/[^?#%]+)$/.exec(text)?.[1];
  if (unix !== undefined) return parseAddress(`unix:${unix}`);
  const tcp = /^tcp:\/\/(?:\[([^\]%]+)\]|([0-9.]+)):([1-9][0-9]{0,4})$/.exec(text);
  const host = tcp?.[1] ?? tcp?.[2];
  const port = Number(tcp?.[3]);
  if (host !== undefined && isIP(host) !== 0 && isIPv6(host) === (tcp?.[1] !== undefined) && port <= 65_535) {
    return { host, port };
  }
  if (text === '') {
    throw new GarrisonError('INVALID_ARGUMENT', 'it is not said where the Workload API is', {
      remedy: `set the environment variable ${endpointVariable}, or give \`endpoint\``,
    });
  }
  throw new GarrisonError('INVALID_ARGUMENT', `\`${text}\` is no endpoint of the Workload API`, {
    remedy: 'write `unix:///run/workload.sock` or `tcp://127.0.0.1:8081`',
  });
}
