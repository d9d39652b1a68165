import type { MtlsMode, PeerAuthentication } from '../documents/model.ts';
import { selects } from './select.ts';
import type { Workload } from './select.ts';

export type EffectiveMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

/** What PeerAuthentication says for one workload. */
export interface PeerModes {
  readonly mode: EffectiveMode;
  readonly ports: ReadonlyMap<number, EffectiveMode>;
  /** Whether any port is STRICT. */
  readonly anyStrict: boolean;
}

/** Mesh, then namespace, then workload, then port: each step inherits where it says UNSET, and only its oldest document counts. */
export function peerModesFor(
  documents: readonly PeerAuthentication[],
  workload: Workload,
  rootNamespace: string,
): PeerModes {
  const unselective = documents.filter((document) => document.selector.size === 0);
  const mesh = oldest(unselective.filter((document) => document.metadata.namespace === rootNamespace));
  const namespace =
    workload.namespace === rootNamespace
      ? undefined
      : oldest(unselective.filter((document) => document.metadata.namespace === workload.namespace));
  // A selector in the root namespace has no say in the mode, as upstream.
  const own = oldest(
    documents.filter(
      ({ selector, metadata }) =>
        selector.size > 0 &&
        metadata.namespace === workload.namespace &&
        metadata.namespace !== rootNamespace &&
        selects(selector, workload.labels),
    ),
  );
  let mode: EffectiveMode = 'PERMISSIVE';
  for (const step of [mesh, namespace, own]) mode = inherit(step?.mode, mode);
  const ports = new Map<number, EffectiveMode>();
  for (const [port, ofPort] of own?.portModes ?? []) ports.set(port, inherit(ofPort, mode));
  return { mode, ports, anyStrict: mode === 'STRICT' || [...ports.values()].includes('STRICT') };
}

function inherit(mode: MtlsMode | undefined, parent: EffectiveMode): EffectiveMode {
  return mode === undefined || mode === 'UNSET' ? parent : mode;
}

function oldest(documents: readonly PeerAuthentication[]): PeerAuthentication | undefined {
  let first: PeerAuthentication | undefined;
  for (const document of documents) if (first === undefined || isOlder(document, first)) first = document;
  return first;
}

function isOlder(a: PeerAuthentication, b: PeerAuthentication): boolean {
  const [left, right] = [a.metadata.created ?? Infinity, b.metadata.created ?? Infinity];
  return left === right ? a.metadata.name < b.metadata.name : left < right;
}
