import type { SerialHex } from '#ca/issue/serial.ts';
import type { Registration } from '#policies/documents/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import type { CallContext } from '#runtime/grpc/method.ts';
import { entryNameOf, nodeRights, rightTo, type Registrations } from '#services/workload/registrations.ts';
import { nodeSelectorsOf } from '../attest-node/node-grant.ts';
import { issuedEntry, joinAgain } from '../certificate-service/issued-entry.ts';
import type { Authorities } from '../authority/authorities.ts';
import type { Ledger } from '../ledger/port.ts';

export interface NodeDirectory {
  readonly ledger: Ledger;
  readonly authorities: Authorities;
  readonly registrations: Registrations;
}

/** A node that has proved itself. What it may ask for is looked up anew each time: documents change under an open call. */
export interface NodeCaller {
  readonly spiffeId: string;
  readonly serial: SerialHex;
  /** What was found out of it when it was attested. */
  readonly selectors: ReadonlySet<string>;
  readonly notAfter: Date;
  /** As it stands in records. */
  readonly caller: string;
}

/** What a node may ask for, by the documents in force when it was looked up. */
export interface NodeRights {
  entries(): readonly Registration[];
  /** One by its name; PERMISSION_DENIED for any other. */
  entry(name: string): Registration;
}

/**
 * By the node's own SVID over mTLS: the TLS layer has verified chain, time and revocation as it knew it when the connection
 * was made; here the very certificate must be the one the ledger knows, and not revoked by now.
 */
export async function authenticateNode({ peer }: CallContext, directory: NodeDirectory): Promise<NodeCaller> {
  const { spiffeId, certificate } = peer;
  if (spiffeId === undefined || certificate === undefined) {
    throw joinAgain('the caller shows no certificate');
  }
  const { spiffeId: id, serial, notAfter, grant } = await issuedEntry(certificate, directory);
  return { spiffeId: id, serial, selectors: nodeSelectorsOf(grant), notAfter, caller: `node:${id}` };
}

/** What a node may ask for: the union of what its registrations name. Refuses who is no node. */
export function rightsOf({ spiffeId, selectors }: NodeCaller, registrations: Registrations): NodeRights {
  const all = inForce(registrations);
  const granted = nodeRights(all, spiffeId, selectors);
  if (granted.length === 0) {
    throw new GarrisonError('PERMISSION_DENIED', `\`${spiffeId}\` is not registered as a node`, {
      remedy: 'add a Registration for it with `node.identities`',
    });
  }
  const mayAskFor = (entry: Registration): boolean => rightTo(granted, entry.spiffeId) !== undefined;
  return {
    entries: () => all.filter(mayAskFor),
    entry: (name) => {
      const found = byName(all).get(name);
      if (found !== undefined && mayAskFor(found)) return found;
      // Whether there is such a registration is not told to who may not ask for it.
      throw new GarrisonError(
        'PERMISSION_DENIED',
        `\`${spiffeId}\` may not ask for the registration \`${name.slice(0, 520)}\``,
        { remedy: 'name its identity in `node.identities` of the node’s Registration' },
      );
    },
  };
}

const named = new WeakMap<readonly Registration[], ReadonlyMap<string, Registration>>();

/** Made once for each state of the documents: a batch of signatures looks up hundreds. */
function byName(all: readonly Registration[]): ReadonlyMap<string, Registration> {
  const known = named.get(all) ?? new Map(all.map((one) => [entryNameOf(one), one]));
  named.set(all, known);
  return known;
}

function inForce({ current }: Registrations): readonly Registration[] {
  if (current !== undefined) return current;
  throw new GarrisonError('UNAVAILABLE', 'the registrations are not read yet', { remedy: 'try again' });
}
