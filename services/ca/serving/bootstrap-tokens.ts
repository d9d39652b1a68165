import { parseJoinToken } from '#ca/join-token.ts';
import { parseSpiffeId, type TrustDomain } from '#ca/spiffe-id.ts';
import type { Clock } from '#runtime/clock.ts';
import type { StateFolder } from '#runtime/state-folder.ts';
import type { Ledger } from '../ledger/port.ts';
import { maxTokenSeconds, type TokenDesk } from '../tokens/token-desk.ts';

export interface BootstrapOptions {
  readonly state: StateFolder;
  readonly tokens: TokenDesk;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly trustDomain: TrustDomain;
  readonly serverNames: readonly string[];
}

/** Processes of the mesh itself that join by a token in the state folder: who may read that may be them. */
export const bootstrapped = ['authz', 'telemetry'] as const;

/** Keeps one unspent join token for each of the mesh's own processes in `STATE/tokens/NAME`, 0600. */
export class BootstrapTokens {
  readonly #options: BootstrapOptions;

  constructor(options: BootstrapOptions) {
    this.#options = options;
  }

  /** Replaces those that are spent, about to expire, or of another root. At start, after each redemption, and daily. */
  async refresh(): Promise<void> {
    for (const name of bootstrapped) if (!(await this.#usable(name))) await this.#replace(name);
  }

  async #usable(name: string): Promise<boolean> {
    const { state, ledger, clock, tokens } = this.#options;
    const text = state.read(`tokens/${name}`)?.trim();
    if (text === undefined) return false;
    try {
      const { hash, rootHash } = parseJoinToken(text);
      const token = await ledger.findToken(hash);
      const soon = clock.now().getTime() + (maxTokenSeconds * 1000) / 2;
      const unspent = token?.redeemedAt === undefined && (token?.expiresAt.getTime() ?? 0) > soon;
      return unspent && rootHash === tokens.rootHash();
    } catch {
      return false;
    }
  }

  async #replace(name: string): Promise<void> {
    const { state, tokens, trustDomain, serverNames } = this.#options;
    const { text } = await tokens.create({
      id: parseSpiffeId(`spiffe://${trustDomain}/garrison/${name}`),
      dnsNames: [...new Set(['localhost', ...serverNames])],
      ttlSeconds: maxTokenSeconds,
    });
    state.write(`tokens/${name}`, `${text}\n`);
  }
}
