import type { Duplex } from 'node:stream';
import { type Wire, sniff, sniffServer } from './sniff.ts';

/**
 * What a connection speaks whose client has been silent: TCP only where the application says something before it does. What
 * comes from the client first is looked at as if it had come at once. All that was read is put back.
 */
export function whoSpeaksFirst(client: Duplex, application: Duplex): Promise<Wire> {
  return new Promise((resolve) => {
    let said = Buffer.alloc(0);
    const onClient = (): void => {
      const chunk = client.read() as Buffer | null;
      if (chunk === null) return;
      said = Buffer.concat([said, chunk]);
      const wire = sniff(said);
      if (wire !== undefined) finish(wire);
    };
    const onApplication = (): void => {
      const chunk = application.read() as Buffer | null;
      if (chunk === null) return;
      application.unshift(chunk);
      finish(sniffServer(chunk));
    };
    // Who left has nothing more to say that could be a request: bytes that were no proof so far are not passed on.
    const onEnd = (): void => finish('tcp');
    const ends = ['end', 'close', 'error'] as const;
    const finish = (wire: Wire): void => {
      client.off('readable', onClient);
      application.off('readable', onApplication);
      for (const event of ends) {
        client.off(event, onEnd);
        application.off(event, onEnd);
      }
      if (said.length > 0 && !client.readableEnded && !client.destroyed) client.unshift(said);
      resolve(wire);
    };
    client.on('readable', onClient);
    application.on('readable', onApplication);
    for (const event of ends) {
      client.on(event, onEnd);
      application.on(event, onEnd);
    }
    // Asked in this order: what both have said meanwhile, the client may have said first.
    if (client.readableLength > 0) onClient();
  });
}
