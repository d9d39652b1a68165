import { Client } from 'pg';
import { clientConfig, type DatabaseSettings } from './connect.ts';
import { channel, noticeKinds, type NoticeKind } from './locks.ts';

/** Hears by LISTEN what other processes changed. Nothing is kept for those who do not listen: after a gap all is told. */
export class Notices {
  readonly #settings: DatabaseSettings;
  readonly #listeners = new Set<(kind: NoticeKind) => void>();
  #client: Client | undefined;

  constructor(settings: DatabaseSettings) {
    this.#settings = settings;
  }

  onNotice(listener: (kind: NoticeKind) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Listens if it does not, and finds out whether it still does. */
  async keep(holder: () => string): Promise<void> {
    if (this.#client !== undefined) {
      await this.#client.query('SELECT 1');
      return;
    }
    const client = new Client(clientConfig(this.#settings));
    const drop = (): void => {
      if (this.#client === client) this.#client = undefined;
    };
    client.on('error', drop).on('end', drop);
    client.on('notification', ({ payload }) => {
      const [kind, by] = (payload ?? '').split(' ');
      const known = noticeKinds.find((one) => one === kind);
      if (known !== undefined && by !== holder()) this.#tell(known);
    });
    try {
      await client.connect();
      await client.query(`LISTEN ${channel}`);
    } catch (error) {
      await client.end().catch(() => undefined);
      throw error;
    }
    this.#client = client;
    for (const kind of noticeKinds) this.#tell(kind);
  }

  async end(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #tell(kind: NoticeKind): void {
    for (const listener of this.#listeners) listener(kind);
  }
}
