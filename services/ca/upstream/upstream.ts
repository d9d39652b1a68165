import type { AboveTrouble } from './upstream-trouble.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';

export interface IntermediateRequest {
  readonly publicKey: PublicKey;
  /** DER of a PKCS#10 request with that key. */
  readonly csr: Uint8Array;
  /** Without it there is no authority at all: there is nothing better to do than to wait until the one above answers. */
  readonly mayWait: boolean;
}

export interface GivenIntermediate {
  /** DER: the new intermediate, then those above it; the root may be last. */
  readonly chain: readonly Uint8Array[];
  /** DER of every root that the authority above trusts. */
  readonly bundle: readonly Uint8Array[];
}

/** What an authority above says of trust. */
export interface UpstreamNews {
  readonly bundle: readonly Uint8Array[];
  /** Of these, the ones under which everything is to be replaced. */
  readonly tainted: readonly Uint8Array[];
  /** Names of authorities under which everything is to be replaced, though their roots may be sound. */
  readonly spent: ReadonlySet<string>;
  /** Serials of certificates that it revoked. */
  readonly revoked: ReadonlySet<string>;
  /** DER of what its revoked authorities signed with, where their roots are sound. */
  readonly refused: readonly Uint8Array[];
}

/** An authority above this one, which signs this one's intermediates. */
export interface Upstream extends AsyncDisposable {
  /** Why nothing is heard of it, or nothing got. */
  trouble?(): AboveTrouble | undefined;
  newIntermediate(request: IntermediateRequest): Promise<GivenIntermediate>;
  /** Hands on what it says of trust, now and after every change, until it is disposed. */
  follow(use: (news: UpstreamNews) => Promise<void>): Promise<void>;
}
