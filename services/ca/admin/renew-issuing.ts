import type { Signer } from '#ca/keys/signer.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { RenewIssuingRequest, RenewIssuingResponse } from '#proto/gen/garrison/v1/identity.ts';
import type { Clock } from '#runtime/clock.ts';
import { deadline } from '#runtime/deadline.ts';
import type { BidiHandler, CallContext } from '#runtime/grpc/method.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { AuthorityDesk } from '../authority/authority-desk.ts';
import { toAuthority } from './identity-admin.ts';

/** For as long as this no other step of an authority's life can be taken. */
const patienceMs = 60_000;

interface Parts {
  readonly clock: Clock;
  readonly authorities: Authorities;
  readonly authorityDesk: AuthorityDesk;
  readonly admit: (context: CallContext) => void;
}

/**
 * garrison.v1.IdentityAdmin/RenewIssuing: the root's key never comes here. The operator's side is shown what is to be signed
 * and sends the signature; it is read back and recorded like any other.
 */
export function renewIssuing(parts: Parts): BidiHandler<RenewIssuingRequest, RenewIssuingResponse> {
  const { authorities, authorityDesk, admit, clock } = parts;
  return async function* (requests, context) {
    admit(context);
    const { root } = authorities.active();
    const asked = Promise.withResolvers<Uint8Array>();
    const answered = Promise.withResolvers<Uint8Array>();
    // Whoever goes away half way, or falls asleep, must not keep the desk waiting.
    const gone = (): void => answered.reject(new GarrisonError('CANCELLED', 'the operator went away without signing'));
    answered.promise.catch(() => undefined);
    const patience = deadline(clock, patienceMs, context.signal);
    patience.signal.addEventListener('abort', gone, { once: true });
    const remote: Signer = {
      publicKey: root.publicKey,
      sign: (message) => {
        asked.resolve(message);
        return answered.promise;
      },
    };
    const renewed = authorityDesk.renewIssuing(remote).finally(patience.done);
    const failed = renewed.then(() => asked.promise);
    failed.catch(() => undefined);
    let first = true;
    for await (const { signature } of requests) {
      if (first) {
        const toSign = await Promise.race([asked.promise, failed]);
        yield { toSign: Buffer.from(toSign), root: Buffer.from(root.der), authority: undefined };
        first = false;
        continue;
      }
      answered.resolve(signature);
      yield { toSign: Buffer.alloc(0), root: Buffer.alloc(0), authority: toAuthority(await renewed) };
      return;
    }
    gone();
    await renewed;
  };
}
