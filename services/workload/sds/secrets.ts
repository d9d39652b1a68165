import { createHash } from 'node:crypto';
import { encodePem } from '#ca/pem.ts';
import type { TrustDomain } from '#ca/spiffe-id.ts';
import type { DataSource } from '#proto/gen/envoy/config/core/v3/data_source.ts';
import type { CertificateValidationContext } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/common.ts';
import { Secret } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/secret.ts';
import { SPIFFECertValidatorConfig } from '#proto/gen/envoy/extensions/transport_sockets/tls/v3/tls_spiffe_validator_config.ts';
import type { Any } from '#proto/gen/google/protobuf/any.ts';
import { idOf, knownTo } from '../federated.ts';
import type { Holding } from '../holdings.ts';
import type { KeptSvid } from '../svid-keeper.ts';

export const secretType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.Secret';
const validatorType = 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.SPIFFECertValidatorConfig';

/** A secret as it is sent. Equal versions mean equal bytes. */
export interface SealedSecret {
  readonly name: string;
  readonly version: string;
  readonly resource: Any;
}

/** What a stream may ask for. */
export type Offered = Pick<Secrets, 'named' | 'all'>;

/**
 * The secrets of one holding by the names that SPIRE and Istio have made usual: `default` (the first SVID), `ROOTCA` (the
 * own trust domain's roots), `ALL` (every trust domain's, each for itself), a SPIFFE ID (that SVID), a trust domain's ID
 * (its roots). Each is made when it is first asked for.
 */
export class Secrets {
  readonly #svids: ReadonlyMap<string, KeptSvid>;
  readonly #first: KeptSvid | undefined;
  readonly #bundles: ReadonlyMap<string, readonly Uint8Array[]>;
  readonly #own: TrustDomain;
  readonly #sealed = new Map<string, SealedSecret>();

  constructor({ svids, registrations, trust }: Pick<Holding, 'svids' | 'registrations' | 'trust'>) {
    // Of two with one identity the first is the one that its name means.
    this.#svids = new Map(svids.toReversed().map((svid) => [svid.leaf.id.toString(), svid]));
    [this.#first] = svids;
    this.#own = trust.trustDomain;
    this.#bundles = new Map(knownTo(trust, registrations).map(([name, { roots }]) => [name, roots]));
  }

  /** Undefined where the caller is not entitled to anything of that name. */
  named(name: string): SealedSecret | undefined {
    const made = this.#sealed.get(name);
    if (made !== undefined) return made;
    const secret = this.#make(name);
    // What is not there is not remembered: names are the caller's choice of text.
    if (secret === undefined) return undefined;
    const sealed = seal(secret);
    this.#sealed.set(name, sealed);
    return sealed;
  }

  /** Everything, each thing once: what an empty list of names asks for. */
  all(): SealedSecret[] {
    const names = ['ALL', ...[...this.#bundles.keys()].map(idOf), ...this.#svids.keys()];
    return names.flatMap((name) => this.named(name) ?? []);
  }

  #make(name: string): Secret | undefined {
    if (name === 'default') return this.#first && certificate(name, this.#first);
    if (name === 'ROOTCA') return this.#validation(name, this.#own);
    if (name === 'ALL') return validation(name, spiffeValidator(this.#bundles));
    const svid = this.#svids.get(name);
    if (svid !== undefined) return certificate(name, svid);
    return name.startsWith('spiffe://') ? this.#validation(name, name.slice('spiffe://'.length)) : undefined;
  }

  /**
   * Where only one trust domain is known its roots say it all, to every client. Where there are several, roots alone would
   * believe one domain's authority on another's identities: then they come bound to their own domain.
   */
  #validation(name: string, trustDomain: string): Secret | undefined {
    const roots = this.#bundles.get(trustDomain);
    if (roots === undefined) return undefined;
    const only = this.#bundles.size === 1;
    return validation(
      name,
      only
        ? { trustedCa: inline(pem(roots)), customValidatorConfig: undefined }
        : spiffeValidator(new Map([[trustDomain, roots]])),
    );
  }
}

function certificate(name: string, { leaf, key }: KeptSvid): Secret {
  // X509-SVID §5.2: leaf and intermediates; the root is the bundle's.
  const certificateChain = inline(pem(leaf.chain.slice(0, -1)));
  const privateKey = inline(encodePem('PRIVATE KEY', key));
  return { name, type: { $case: 'tlsCertificate', value: { certificateChain, privateKey } } };
}

function validation(name: string, value: CertificateValidationContext): Secret {
  return { name, type: { $case: 'validationContext', value } };
}

/** Envoy then verifies a peer by the roots of the trust domain that its ID names, and no others. */
function spiffeValidator(bundles: ReadonlyMap<string, readonly Uint8Array[]>): CertificateValidationContext {
  const trustDomains = [...bundles].map(([name, roots]) => ({ name, trustBundle: inline(pem(roots)) }));
  const value = Buffer.from(SPIFFECertValidatorConfig.encode({ trustDomains }).finish());
  const customValidatorConfig = {
    name: 'envoy.tls.cert_validator.spiffe',
    typedConfig: { typeUrl: validatorType, value },
  };
  return { trustedCa: undefined, customValidatorConfig };
}

function seal(secret: Secret): SealedSecret {
  const value = Buffer.from(Secret.encode(secret).finish());
  const version = createHash('sha256').update(value).digest('hex').slice(0, 16);
  return { name: secret.name, version, resource: { typeUrl: secretType, value } };
}

function inline(text: string): DataSource {
  return { specifier: { $case: 'inlineBytes', value: Buffer.from(text) } };
}

function pem(ders: readonly Uint8Array[]): string {
  return ders.map((der) => encodePem('CERTIFICATE', der)).join('');
}
