import { GarrisonError } from '#proto/errors/index.ts';
import type { NodeMintJwtRequest, NodeMintJwtResponse } from '#proto/gen/garrison/v1/node-entries.ts';
import type { UnaryHandler } from '#runtime/grpc/method.ts';
import type { SvidSource } from '#services/workload/svid-source.ts';
import { authenticateNode, rightsOf, type NodeDirectory } from './node-caller.ts';

/** garrison.v1.Node/MintJwt: a JWT-SVID for a workload of the node that asks. */
export function mintJwtForNode(
  source: SvidSource,
  directory: NodeDirectory,
): UnaryHandler<NodeMintJwtRequest, NodeMintJwtResponse> {
  return async ({ entry, audience }, context) => {
    const node = await authenticateNode(context, directory);
    const registration = rightsOf(node, directory.registrations).entry(entry);
    if (audience.length === 0 || audience.includes('')) {
      throw new GarrisonError('INVALID_ARGUMENT', 'a JWT-SVID needs an audience', {
        place: 'NodeMintJwtRequest.audience',
        remedy: 'name the service that the token is for',
      });
    }
    return { token: await source.mintJwt(registration, audience, node.caller) };
  };
}
