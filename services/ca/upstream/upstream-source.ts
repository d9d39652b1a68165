import { authorityId } from '#ca/authority-id.ts';
import { writeRequest } from '#ca/csr/write-request.ts';
import { checkChain } from '#ca/issue/check-chain.ts';
import { sameKey } from '#ca/keys/same-key.ts';
import { decodePems, encodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { AuthorityFolder } from '../authority/authority-files.ts';
import type { AuthoritySource } from '../authority/authority-source.ts';
import type { Ceremony } from '../authority/create-authority.ts';
import { recordGiven } from '../authority/given-authority.ts';
import type { Logger } from '#runtime/logger.ts';
import type { AuthorityRecord } from '../ledger/port.ts';
import type { Inherited } from '../revocations.ts';
import type { Upstream } from './upstream.ts';

/** The roots of the authority above, for a start while it is away. */
const bundleFile = 'ca/upstream-bundle.pem';
/** What it said is worth nothing, for the same: without it whoever was revoked above would be let in until it is heard. */
const revokedFile = 'ca/upstream-revoked.json';

interface Kept {
  readonly revoked: readonly string[];
  readonly refused: readonly string[];
}

interface Options extends Ceremony, AuthorityFolder {
  readonly logger: Logger;
}

/** Authorities whose intermediate somebody above signs: the key is ours, the root is theirs. */
export class UpstreamSource implements AuthoritySource {
  readonly kind = 'upstream';
  readonly upstream: Upstream;
  readonly #options: Options;
  #further: readonly Uint8Array[];

  constructor(upstream: Upstream, options: Options) {
    this.upstream = upstream;
    this.#options = options;
    const kept = options.state.read(bundleFile);
    this.#further = kept === undefined ? [] : decodePems(kept, 'CERTIFICATE', 'the kept bundle of the authority above');
  }

  further(): readonly Uint8Array[] {
    return this.#further;
  }

  /** What the authority above trusts from now on. */
  trust(bundle: readonly Uint8Array[]): void {
    this.#further = bundle;
    this.#options.state.write(bundleFile, bundle.map((der) => encodePem('CERTIFICATE', der)).join(''), 0o644);
  }

  /** What the authority above had revoked when it was heard last. */
  inherited(): Inherited {
    const kept = this.#options.state.read(revokedFile);
    if (kept === undefined) return { revoked: new Set(), refused: [] };
    const { revoked, refused } = JSON.parse(kept) as Kept;
    return { revoked: new Set(revoked), refused: refused.map((der) => Buffer.from(der, 'base64')) };
  }

  /** What the authority above has revoked from now on. It is in force whether or not it can be kept. */
  inherit({ revoked, refused }: Inherited): void {
    const { state, logger } = this.#options;
    const kept: Kept = {
      revoked: [...revoked],
      refused: refused.map((der) => Buffer.from(der).toString('base64')),
    };
    try {
      state.write(revokedFile, JSON.stringify(kept), 0o644);
    } catch (error) {
      logger.error('what was revoked above is not kept', { error });
    }
  }

  async make(state: AuthorityRecord['state']): Promise<AuthorityRecord> {
    const { keys, clock } = this.#options;
    const fresh = await keys.make('issuing');
    try {
      const { publicKey } = fresh.signer;
      const csr = await writeRequest(fresh.signer);
      const given = await this.upstream.newIntermediate({ publicKey, csr, mayWait: state === 'active' });
      const chain = checkChain(given.chain, given.bundle, clock.now());
      if (!sameKey(chain.issuing.publicKey, publicKey)) {
        throw new GarrisonError('INTERNAL', 'the authority above certified another key', { place: 'ca.upstream' });
      }
      await fresh.keep(authorityId(chain.issuing));
      this.trust(given.bundle);
      return await recordGiven(this.#options, chain, state);
    } catch (error) {
      await fresh.discard();
      throw error;
    }
  }
}
