import type { Signer } from '#ca/keys/signer.ts';
import type { SpiffeId } from '#ca/spiffe-id.ts';
import type { Registration } from '#policies/documents/index.ts';

/** A certificate that a workload may be given. */
export interface Leaf {
  readonly serial: string;
  readonly id: SpiffeId;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER: leaf, intermediates, root. */
  readonly chain: readonly Uint8Array[];
  /** Which authority stands behind it: the one to renew it under when that is tainted. */
  readonly authority: string;
}

/** Where SVIDs come from: the desk of the CA in the same process, or the CA that a node's agent asks. */
export interface SvidSource {
  /** `key` signs nothing but the request, for a CA that wants its possession proved; it stays where it was made. */
  issue(registration: Registration, key: Signer, caller: string): Promise<Leaf>;
  /** A JWT-SVID for the registration's identity; `caller` is for the record. */
  mintJwt(registration: Registration, audience: readonly string[], caller: string): Promise<string>;
}
