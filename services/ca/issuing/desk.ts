import { newSerial, type SerialHex } from '#ca/issue/serial.ts';
import { validityFor } from '#ca/issue/validity.ts';
import type { PublicKey } from '#ca/keys/public-key.ts';
import type { SpiffeId, TrustDomain } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { describeDuration } from '#schema/index.ts';
import { refuseOwnKey, type Authorities, type Authority } from '../authority/authorities.ts';
import { randomPool } from './random-pool.ts';
import type { KeyCheck } from './blocked-keys.ts';
import { recordAndSign, type Press, type Warrant } from './record-and-sign.ts';

export interface TtlRules {
  readonly defaultSeconds: number;
  readonly maxSeconds: number;
}

/** One hour as SPIRE; a day at most, which is what istio-agent asks for. */
export const defaultTtl: TtlRules = { defaultSeconds: 3600, maxSeconds: 86_400 };

export interface LeafRequest {
  readonly id: SpiffeId;
  readonly dnsNames: readonly string[];
  readonly publicKey: PublicKey;
  /** Zero or less, or undefined: the default. */
  readonly ttlSeconds?: number | undefined;
}

export interface IssuedLeaf {
  readonly serial: SerialHex;
  readonly id: SpiffeId;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** DER: leaf, what signed it, those above, the root last. */
  readonly chain: readonly Uint8Array[];
  readonly authority: string;
}

export interface DeskOptions extends Press {
  readonly authorities: Authorities;
  readonly trustDomain: TrustDomain;
  /** First byte of serials; may change while the process runs. */
  readonly instance: () => number;
  readonly ttl: TtlRules;
  readonly backdateSeconds?: number;
  readonly checkKey: KeyCheck;
  readonly onIssued?: (leaf: IssuedLeaf, warrant: Warrant) => void;
  readonly onFailed?: (error: unknown) => void;
}

/** Issues leaves: whose they are has been decided by whoever calls. */
export class IssuingDesk {
  readonly #options: DeskOptions;
  readonly #random = randomPool();

  constructor(options: DeskOptions) {
    this.#options = options;
  }

  async issue(request: LeafRequest, warrant: Warrant): Promise<IssuedLeaf> {
    const { onIssued, onFailed } = this.#options;
    try {
      const issued = await this.#issue(request, warrant);
      onIssued?.(issued, warrant);
      return issued;
    } catch (error) {
      onFailed?.(error);
      throw error;
    }
  }

  async #issue(request: LeafRequest, warrant: Warrant): Promise<IssuedLeaf> {
    const { authorities, clock, instance, backdateSeconds = 60 } = this.#options;
    const authority = authorities.active();
    this.#check(request, authority);
    const now = clock.now();
    const seconds = this.#lifetime(request.ttlSeconds);
    const within = authority.issuing.validity;
    const plan = {
      profile: 'leaf',
      serial: newSerial(instance(), now, this.#random),
      id: request.id,
      dnsNames: request.dnsNames,
      commonName: '',
      validity: validityFor({ now, seconds, backdateSeconds, within }),
      subjectKey: request.publicKey,
      issuer: authority.issuing,
    } as const;
    const leaf = await recordAndSign(this.#options, plan, authority.signers.x509, warrant);
    const chain = [leaf, ...authority.chain];
    return { serial: plan.serial, id: plan.id, ...plan.validity, chain, authority: authority.id };
  }

  #check({ id, publicKey }: LeafRequest, authority: Authority): void {
    const { trustDomain } = this.#options;
    if (id.trustDomain !== trustDomain) {
      throw new GarrisonError(
        'PERMISSION_DENIED',
        `\`${id.toString()}\` is not of the trust domain \`${trustDomain}\``,
      );
    }
    if (id.path === '') {
      throw new GarrisonError('INVALID_ARGUMENT', `\`${id.toString()}\` names the trust domain, not a workload`);
    }
    this.#options.checkKey(publicKey);
    refuseOwnKey(authority, publicKey);
  }

  /** What a registration asks for, cut to what this desk gives. */
  allowed(ttlSeconds: number | undefined): number | undefined {
    return ttlSeconds === undefined ? undefined : Math.min(ttlSeconds, this.#options.ttl.maxSeconds);
  }

  /** Istio's rule: more than the maximum is an error, not a shorter certificate. */
  #lifetime(asked: number | undefined): number {
    const { defaultSeconds, maxSeconds } = this.#options.ttl;
    if (asked === undefined || asked <= 0) return defaultSeconds;
    if (asked <= maxSeconds) return asked;
    throw new GarrisonError(
      'INVALID_ARGUMENT',
      `a lifetime of ${describeDuration(asked * 1000)} is more than is allowed`,
      {
        remedy: `ask for ${describeDuration(maxSeconds * 1000)} or less`,
      },
    );
  }
}
