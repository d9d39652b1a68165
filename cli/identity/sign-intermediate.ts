import type { ServiceError } from '@grpc/grpc-js';
import { readIssuer } from '#ca/issue/issuer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { Authority, IdentityAdminClient, RenewIssuingResponse } from '#proto/gen/garrison/v1/identity.ts';
import type { Clock } from '#runtime/clock.ts';
import type { OnExposed } from '#runtime/config/read-secret-file.ts';
import { fromServiceError } from '#runtime/grpc/call-unary.ts';
import { readCeremonyPlan } from '#services/ca/ceremony/ceremony-plan.ts';
import { checkIntermediate } from '#services/ca/ceremony/check-intermediate.ts';
import { openRootKeys } from '#services/ca/ceremony/root-keys.ts';

interface Around {
  readonly clock: Clock;
  readonly onExposed: OnExposed;
}

/** Signs the authority's next intermediate here, where the root's key is. It never leaves this process, or its token. */
export async function signIntermediate(client: IdentityAdminClient, file: string, around: Around): Promise<Authority> {
  const { plan } = readCeremonyPlan(file);
  await using keys = await openRootKeys(plan, around);
  const stream = client.renewIssuing();
  const done = Promise.withResolvers<Authority>();
  const take = async ({ toSign, root, authority }: RenewIssuingResponse): Promise<void> => {
    if (authority !== undefined) {
      done.resolve(authority);
      return;
    }
    const issuer = readIssuer(root);
    const signer = await keys.open(issuer.publicKey);
    checkIntermediate(toSign, plan.trustDomain, issuer);
    stream.write({ signature: Buffer.from(await signer.sign(toSign)) });
  };
  stream.on('data', (message: RenewIssuingResponse) => void take(message).catch(done.reject));
  stream.on('error', (error: ServiceError) => done.reject(fromServiceError(error)));
  stream.on('end', () => done.reject(new GarrisonError('INTERNAL', 'the authority ended the conversation early')));
  stream.write({ signature: Buffer.alloc(0) });
  try {
    return await done.promise;
  } finally {
    stream.cancel();
  }
}
