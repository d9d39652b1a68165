import { parseSpiffeId, type SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { grantOf, nodeRights, rightTo, type Registrations } from '#services/workload/registrations.ts';
import type { Claim } from './claim.ts';

const place = 'metadata.ImpersonatedIdentity';

/**
 * What a node's proxy asks for on behalf of a workload that runs there (ztunnel): only identities that a Registration of
 * the node names. The record says who asked and by which document; such a certificate is not renewed by itself.
 */
export function impersonate(claim: Claim, wanted: unknown, registrations: Registrations): Claim {
  const id = readWanted(wanted);
  const { current } = registrations;
  if (current === undefined) throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet');
  const granted = nodeRights(current, claim.id.toString(), claim.nodeSelectors ?? new Set());
  const right = rightTo(granted, id.toString());
  if (right === undefined) {
    throw new GarrisonError('PERMISSION_DENIED', 'this caller may not ask for the identity of another', {
      place,
      remedy: 'name the identity in `node.identities` of a Registration for the caller',
    });
  }
  const caller = `node:${claim.id.toString()} ${claim.warrant.caller}`;
  const grant = `impersonation:${grantOf(right)}`;
  return { id, dnsNames: [], ttlSeconds: undefined, warrant: { ...claim.warrant, caller, grant } };
}

function readWanted(wanted: unknown): SpiffeId {
  if (typeof wanted !== 'string') {
    throw new GarrisonError('INVALID_ARGUMENT', 'the identity that is asked for is no text', { place });
  }
  return parseSpiffeId(wanted);
}
