import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { Address } from '#runtime/address.ts';
import type { Identity } from '#runtime/identity-source.ts';
import type { ProcessCost, ProcessOrder } from '#test/fakes/sidecar-process.ts';

export interface ForkedSidecar extends AsyncDisposable {
  readonly inboundPort: number;
  readonly outboundPort: number;
  cost(): Promise<ProcessCost>;
}

/** Starts a sidecar process and resolves when its first revision is in force. */
export async function forkSidecar(
  order: Omit<ProcessOrder, 'identity'> & { readonly identity: Identity },
): Promise<ForkedSidecar> {
  const child = fork(join(import.meta.dirname, 'sidecar-process.ts'), {
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
  const ended = once(child, 'exit');
  const answer = async <T>(message: object | string): Promise<T> => {
    child.send(message);
    const [reply] = (await once(child, 'message')) as [T];
    return reply;
  };
  const { inbound, outbound } = await answer<{ inbound: Address[]; outbound: Address | undefined }>({
    ...order,
    identity: { ...order.identity, spiffeId: order.identity.spiffeId.toString() },
  });
  const portOf = (address: Address | undefined): number =>
    address !== undefined && 'port' in address ? address.port : 0;
  return {
    inboundPort: portOf(inbound[0]),
    outboundPort: portOf(outbound),
    cost: () => answer<ProcessCost>('cost'),
    [Symbol.asyncDispose]: async () => {
      child.disconnect();
      await ended;
    },
  };
}
