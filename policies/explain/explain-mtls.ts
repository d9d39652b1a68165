import { peerModesFor } from '../compile/peer-modes.ts';
import type { PeerModes } from '../compile/peer-modes.ts';
import { policyName } from '../compile/rule-compiler.ts';
import { selects } from '../compile/select.ts';
import type { Workload } from '../compile/select.ts';
import type { Facts } from '../decide/facts.ts';
import { listenPortOf } from '../decide/listen-port.ts';
import { modeAt } from '../decide/refuse-peer.ts';
import type { PeerAuthentication } from '../documents/model.ts';
import type { PolicySet } from '../documents/policy-set.ts';
import type { MtlsReport, NotInForce } from './explanation.ts';
import { elsewhereReason, selectorReason } from './not-in-force.ts';

/**
 * Which document the mode of a port comes from: the one without which it would be told otherwise by another, found by
 * asking the composition itself, so that it cannot differ from it.
 */
export function explainMtls(
  set: PolicySet,
  workload: Workload,
  modes: PeerModes,
  called: Pick<Facts, 'port' | 'bag'>,
): MtlsReport {
  const listenPort = listenPortOf(called.bag);
  const mode = modeAt(modes, called.port, listenPort);
  const ports = [called.port, listenPort].filter((port) => port !== undefined);
  const candidates = set.peerAuthentication.filter((document) => isHeard(document, set, workload, ports));
  const by = candidates.toSorted((a, b) => narrowness(b, set, ports) - narrowness(a, set, ports))[0];
  return {
    mode,
    policy: by && policyName(by),
    place: by?.metadata.place,
  };
}

/** The PeerAuthentication documents that do not count for a workload. */
export function explainUnheardPeers(set: PolicySet, workload: Workload): NotInForce[] {
  return set.peerAuthentication.flatMap((document) => {
    const reason = unheardReason(document, set, workload);
    const { place } = document.metadata;
    return reason === undefined
      ? []
      : [{ kind: 'PeerAuthentication' as const, policy: policyName(document), place, reason }];
  });
}

/** A document is heard when it, alone in saying something there, changes what the composition answers. */
function isHeard(document: PeerAuthentication, set: PolicySet, workload: Workload, ports: readonly number[]): boolean {
  if (unheardReason(document, set, workload) !== undefined) return false;
  return document.mode !== 'UNSET' || namesPort(document, ports);
}

function namesPort({ portModes }: PeerAuthentication, ports: readonly number[]): boolean {
  return ports.some((port) => (portModes.get(port) ?? 'UNSET') !== 'UNSET');
}

function unheardReason(document: PeerAuthentication, set: PolicySet, workload: Workload): string | undefined {
  const { rootNamespace } = set.mesh;
  const { selector, metadata } = document;
  const elsewhere = elsewhereReason(metadata.namespace, workload, rootNamespace);
  if (elsewhere !== undefined) return elsewhere;
  if (selector.size > 0 && metadata.namespace === rootNamespace) {
    return 'a selector in the root namespace has no say in the mode';
  }
  if (!selects(selector, workload.labels)) return `selects ${selectorReason(selector, workload.labels)}`;
  return isOldest(document, set, workload) ? undefined : 'an older one of the same scope counts instead';
}

/** Alone with a STRICT stand-in of each rival, the composition answers by the one that counts. */
function isOldest(document: PeerAuthentication, set: PolicySet, workload: Workload): boolean {
  const rivals = set.peerAuthentication.filter(
    (other) =>
      other !== document &&
      other.metadata.namespace === document.metadata.namespace &&
      other.selector.size > 0 === document.selector.size > 0 &&
      selects(other.selector, workload.labels),
  );
  const marked = [
    ...rivals.map((other) => ({ ...other, mode: 'DISABLE' as const, portModes: new Map() })),
    { ...document, mode: 'STRICT' as const, portModes: new Map() },
  ];
  return peerModesFor(marked, workload, set.mesh.rootNamespace).mode === 'STRICT';
}

/** Mesh, namespace, workload, port: the later speaks louder. */
function narrowness(document: PeerAuthentication, set: PolicySet, ports: readonly number[]): number {
  if (namesPort(document, ports)) return 3;
  if (document.selector.size > 0) return 2;
  return document.metadata.namespace === set.mesh.rootNamespace ? 0 : 1;
}
