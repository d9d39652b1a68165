import type { Registration } from '#policies/documents/index.ts';
import {
  NodeEntry,
  type NodeNews,
  type NodeTrust,
  type WatchEntriesRequest,
} from '#proto/gen/garrison/v1/node-entries.ts';
import type { Clock } from '#runtime/clock.ts';
import type { ServerStreamHandler } from '#runtime/grpc/method.ts';
import type { Changes } from '#services/workload/changes.ts';
import { joinAgain } from '../certificate-service/issued-entry.ts';
import type { ConnectedNodes } from './connected-nodes.ts';
import { authenticateNode, rightsOf, type NodeDirectory } from './node-caller.ts';
import { NodeTrustReader, toNodeEntry, type TrustParts } from './node-news.ts';

export interface WatchOptions extends NodeDirectory, TrustParts {
  readonly changes: Changes;
  readonly clock: Clock;
  readonly nodes: ConnectedNodes;
}

/** garrison.v1.Node/WatchEntries: everything at once, then what changed. Pushed, so that nobody waits for a poll. */
export function watchEntries(options: WatchOptions): ServerStreamHandler<WatchEntriesRequest, NodeNews> {
  const { changes, registrations, revocations, nodes, clock } = options;
  const trustReader = new NodeTrustReader(options, changes);
  return async function* (_, context) {
    const node = await authenticateNode(context, options);
    using connected = nodes.connect(node, context.peer);
    let sentEntries: string | undefined;
    let sentTrust: NodeTrust | undefined;
    while (!context.signal.aborted) {
      const seen = changes.version;
      if (registrations.current === undefined) {
        await changes.after(seen, context.signal);
        continue;
      }
      if (revocations.serials.has(node.serial)) throw joinAgain(`the certificate of \`${node.spiffeId}\` was revoked`);
      if (node.notAfter <= clock.now()) throw joinAgain(`the certificate of \`${node.spiffeId}\` has ended`);
      const entries = rightsOf(node, registrations).entries();
      const trust = trustReader.now();
      const entriesPrint = entries.map(printOf).join('\n');
      const news = {
        entries: entriesPrint === sentEntries ? undefined : { entries: entries.map(toNodeEntry) },
        trust: trust === sentTrust ? undefined : trust,
      };
      if (news.entries !== undefined || news.trust !== undefined) {
        [sentEntries, sentTrust] = [entriesPrint, trust];
        connected.told(entries.length);
        yield news;
      }
      await changes.after(seen, context.signal);
    }
  };
}

const prints = new WeakMap<Registration, string>();

/** Documents that are read anew are mostly the same: what the node would be told decides, not which object it stands in. */
function printOf(registration: Registration): string {
  const known = prints.get(registration);
  if (known !== undefined) return known;
  const print = Buffer.from(NodeEntry.encode(toNodeEntry(registration)).finish()).toString('base64');
  prints.set(registration, print);
  return print;
}
