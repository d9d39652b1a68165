import type { TrustDomain } from '#ca/spiffe-id.ts';
import { FederationAdminService, type FederatedBundle } from '#proto/gen/garrison/v1/federation.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import type { GrpcServer } from '#runtime/grpc/server.ts';
import type { Authorities } from '../authority/authorities.ts';
import { ownBundle } from '../bundle-endpoint/bundle-endpoint.ts';
import type { Federation } from '../federation/federation.ts';
import type { Relationship } from '../federation/relationship.ts';
import { toTimestamp } from './certificate-record.ts';

export interface FederationSurroundings {
  readonly trustDomain: TrustDomain;
  readonly authorities: Authorities;
  readonly federation: Federation;
  readonly refreshHintSeconds: number;
  /** Throws where the caller is not the operator. */
  readonly admit: (context: CallContext) => void;
}

/** The operator's methods about bundles of other trust domains. */
export function serveFederationAdmin(server: GrpcServer, around: FederationSurroundings): void {
  const { federation, authorities, trustDomain: own, refreshHintSeconds, admit } = around;
  server
    .unary(FederationAdminService.listBundles, (_, context) => {
      admit(context);
      return { bundles: federation.all().map(toMessage) };
    })
    .unary(FederationAdminService.getDocument, ({ trustDomain }, context) => {
      admit(context);
      if (trustDomain === '' || trustDomain === own) {
        const document = JSON.stringify(ownBundle({ authorities, trustDomain: own }, refreshHintSeconds));
        return { document, roots: authorities.bundle().map((der) => Buffer.from(der)) };
      }
      const { current } = federation.find(trustDomain);
      return { document: current?.text ?? '', roots: (current?.document.roots ?? []).map((der) => Buffer.from(der)) };
    })
    .unary(FederationAdminService.setDocument, ({ trustDomain, document }, context) => {
      admit(context);
      const relationship = federation.find(trustDomain);
      relationship.set(Buffer.from(document));
      return toMessage(relationship);
    })
    .unary(FederationAdminService.refreshBundle, async ({ trustDomain }, context) => {
      admit(context);
      const relationship = federation.find(trustDomain);
      await relationship.refresh();
      return toMessage(relationship);
    });
}

function toMessage({ config, current, answered, failure }: Relationship): FederatedBundle {
  const { trustDomain, endpoint } = config;
  return {
    trustDomain,
    url: endpoint?.url.href ?? '',
    profile: endpoint?.profile ?? '',
    endpointSpiffeId: endpoint?.profile === 'https_spiffe' ? endpoint.endpointSpiffeId.toString() : '',
    document: current && {
      from: current.from,
      sequence: current.document.sequence ?? 0n,
      refreshHintSeconds: current.document.refreshHintSeconds ?? 0,
      roots: current.document.roots.map((der) => Buffer.from(der)),
      jwtKeys: current.document.jwtKeys.map(({ kid }) => kid),
    },
    answered: answered && toTimestamp(answered),
    failure: failure?.message ?? '',
  };
}
