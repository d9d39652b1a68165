import { X509Certificate } from 'node:crypto';
import { writeRequest } from '#ca/csr/write-request.ts';
import { serialOf } from '#ca/issue/serial.ts';
import { isKey } from '#ca/keys/same-key.ts';
import type { Signer } from '#ca/keys/signer.ts';
import type { Registration } from '#policies/documents/index.ts';
import { fromGrpcStatus, GarrisonError } from '#proto/errors/index.ts';
import type { EntryRequest, SignedX509, SignX509Result } from '#proto/gen/garrison/v1/node-entries.ts';
import { identifyPeer } from '#runtime/peer.ts';
import { entryNameOf } from '#services/workload/registrations.ts';
import type { Leaf, SvidSource } from '#services/workload/svid-source.ts';
import type { AuthorityLink } from './authority-link.ts';
import { Batches } from './batches.ts';

/**
 * Enough to save the round trips, and few enough that what waits does so here, where nothing runs out, and not in the
 * authority's queue.
 */
const maxItems = 100;
const maxInFlight = 2;

/** SVIDs from the authority that this node asks. Keys are made here and never leave; requests that come together go together. */
export function remoteSvids(link: AuthorityLink): SvidSource {
  const batches = new Batches<EntryRequest, SignX509Result>({
    send: (requests) => link.sign(requests),
    maxItems,
    maxInFlight,
  });
  return {
    issue: async (registration, key) => {
      const csr = Buffer.from(await writeRequest(key));
      const { outcome } = await batches.ask({ entry: entryNameOf(registration), csr }).catch(unavailable);
      if (outcome?.$case === 'signed') return leafOf(outcome.value, registration, key);
      throw refusalOf(outcome?.value);
    },
    mintJwt: (registration, audience) => link.mintJwt(entryNameOf(registration), audience),
  };
}

/** Workload Endpoint §6: who is told Unavailable tries again; that the authority was slow is not the workload's affair. */
function unavailable(error: unknown): never {
  const late = error instanceof GarrisonError && error.code === 'DEADLINE_EXCEEDED';
  throw late ? new GarrisonError('UNAVAILABLE', 'the authority did not sign in time', { cause: error }) : error;
}

/** What came back is handed on only if it is what was asked for. */
function leafOf({ chain, authority }: SignedX509, { spiffeId }: Registration, key: Signer): Leaf {
  const [der] = chain;
  if (der === undefined || chain.length < 2) throw wrong('has no issuer');
  const certificate = new X509Certificate(der);
  const id = identifyPeer(certificate, 'client');
  if (id.toString() !== spiffeId) throw wrong(`is for \`${id.toString()}\` and not for \`${spiffeId}\``);
  if (!isKey(certificate.publicKey, key.publicKey)) throw wrong('is for another key');
  return {
    serial: serialOf(certificate),
    id,
    notBefore: certificate.validFromDate,
    notAfter: certificate.validToDate,
    chain,
    authority,
  };
}

function refusalOf(refusal: { readonly code: number; readonly message: string } | undefined): GarrisonError {
  if (refusal === undefined) return wrong('is missing');
  return new GarrisonError(fromGrpcStatus(refusal.code), refusal.message);
}

function wrong(what: string): GarrisonError {
  return new GarrisonError('DATA_LOSS', `the certificate from the authority ${what}`);
}
