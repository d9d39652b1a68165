import { readFileSync } from 'node:fs';
import { encodePem, decodePems } from '#ca/pem.ts';
import { GarrisonError, isUnreachable } from '#proto/errors/index.ts';
import type { JoinConfig } from '#runtime/config/join-config.ts';
import { type OnExposed, tellIfExposed } from '#runtime/config/read-secret-file.ts';
import { type NodeProof, attestNode } from '#runtime/identity/attest-node.ts';
import type { AuthorityPlaces } from '../asking/authority-places.ts';
import { checkMachineKey } from './machine-key.ts';
import { notReached } from './not-reached.ts';
import type { WayOfJoining } from './way-of-joining.ts';

type Attestation = Exclude<JoinConfig, { readonly kind: 'token' }>;

/**
 * By what the machine has from somebody else: a certificate and its key, or the token of its pod. It can be shown as often
 * as needed. The authority is known by the configured roots, and, once this was a node, by those it has learned of since:
 * a root that was revoked lets nobody in by a file that was never updated.
 */
export function joinByAttestation(places: AuthorityPlaces, config: Attestation, onExposed: OnExposed): WayOfJoining {
  let told = false;
  const tellOnce: OnExposed = (exposed) => {
    if (!told) onExposed(exposed);
    told = true;
  };
  return {
    once: false,
    files: [],
    remedy: 'let the agent read the files that `join` names',
    mark: () => config.kind,
    join: async (signal, known) => {
      const roots = known ?? rootsOf(config.bundle);
      const proof = proofOf(config, tellOnce);
      const file = known === undefined ? config.bundle : undefined;
      return places.inTurn((ca) =>
        attestNode(ca, roots, proof, signal).catch((error: unknown) => {
          throw isUnreachable(error) ? notReached(ca, file, error) : error;
        }),
      );
    },
  };
}

/** Read when it is shown: machine certificates are renewed, and so are tokens of pods. */
function proofOf(config: Attestation, onExposed: OnExposed): NodeProof {
  if (config.kind === 'x509pop') {
    const certificates = read(config.certificate, 'join.x509pop.certificate');
    const privateKey = read(config.key, 'join.x509pop.key');
    tellIfExposed(config.key, 'join.x509pop.key', onExposed);
    checkMachineKey(certificates, privateKey, config);
    return { kind: 'x509pop', certificates, privateKey };
  }
  return { kind: 'k8s_psat', cluster: config.cluster, token: read(config.token, 'join.k8sPsat.token').trim() };
}

function rootsOf(file: string): string[] {
  const ders = decodePems(read(file, 'join.bundle'), 'CERTIFICATE', `\`${file}\``);
  return ders.map((der) => encodePem('CERTIFICATE', der));
}

function read(file: string, place: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', `\`${file}\` cannot be read`, {
      place,
      remedy: 'let this user read it, or name another',
      cause,
    });
  }
}
