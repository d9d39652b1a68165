import { isReserved } from '#ca/identity-template.ts';
import { parseSpiffeId, type SpiffeId } from '#ca/spiffe-id.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { grantOf, nodeMayAskFor, nodeRights, type Registrations } from '#services/workload/registrations.ts';
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
  const right = nodeRights(current, claim.id.toString(), claim.nodeSelectors ?? new Set()).find((one) =>
    nodeMayAskFor(one, id.toString()),
  );
  // A wildcard is about workloads: nobody meant the mesh's own servers by it.
  if (right === undefined || isReserved(id)) {
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
