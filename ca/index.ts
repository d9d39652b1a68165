export {
  maxSpiffeIdBytes,
  maxTrustDomainBytes,
  parseSpiffeId,
  parseTrustDomain,
  principalOf,
  serviceAccountId,
  serviceAccountOf,
} from './spiffe-id.ts';
export type { SpiffeId, TrustDomain } from './spiffe-id.ts';
