import { GarrisonError } from '#proto/errors/index.ts';
import type { DiscoveryRequest, DiscoveryResponse } from '#proto/gen/envoy/service/discovery/v3/discovery.ts';
import { SecretDiscoveryServiceService } from '#proto/gen/envoy/service/secret/v3/sds.ts';
import type { UnaryHandler } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import { attestUnix } from '../attest-unix.ts';
import { checkType, converse, secretsOf, type SdsOptions } from './conversation.ts';
import { Incremental } from './incremental.ts';
import { answerOnce, StateOfTheWorld } from './state-of-the-world.ts';

/**
 * Envoy's secret discovery service, for whom the kernel says is calling: its clients send no security header, and who can
 * fool one into calling here gains nothing, since the answer stays with it.
 */
export function serveSds(server: GrpcServer, options: SdsOptions): GrpcServer {
  return server
    .bidi(
      SecretDiscoveryServiceService.streamSecrets,
      converse(options, () => new StateOfTheWorld()),
    )
    .bidi(
      SecretDiscoveryServiceService.deltaSecrets,
      converse(options, () => new Incremental()),
    )
    .unary(SecretDiscoveryServiceService.fetchSecrets, fetchSecrets(options));
}

function fetchSecrets({ holdings }: SdsOptions): UnaryHandler<DiscoveryRequest, DiscoveryResponse> {
  return async (request, { peer }) => {
    checkType(request);
    using holder = holdings.open(attestUnix(peer));
    const secrets = secretsOf(await holder.holding());
    const unknown = request.resourceNames.filter((name) => name !== '' && secrets.named(name) === undefined);
    if (unknown.length === 0) return answerOnce(secrets, request);
    const names = unknown.map((name) => `\`${name.slice(0, 200)}\``).join(', ');
    throw new GarrisonError('INVALID_ARGUMENT', `this process is not entitled to the secrets ${names}`, {
      remedy: 'name `default`, `ROOTCA`, `ALL`, or an identity it is registered for',
    });
  };
}
