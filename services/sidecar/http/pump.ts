import type { Readable, Writable } from 'node:stream';

/** Moves a stream into another at the pace of the slower one. Resolves at the source's end; the sink is left open. */
export function pump(source: Readable, sink: Writable, onBytes: (count: number) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    if (source.readableEnded) {
      resolve();
      return;
    }
    if (source.destroyed || sink.destroyed) {
      reject(new Error(source.destroyed ? 'the source is gone' : 'the sink is gone'));
      return;
    }
    const onData = (chunk: Buffer): void => {
      onBytes(chunk.length);
      if (!sink.write(chunk)) source.pause();
    };
    const onDrain = (): void => void source.resume();
    const onEnd = (): void => finish();
    const onSourceClose = (): void => finish(new Error('the source ended early'));
    const onSinkClose = (): void => finish(new Error('the sink closed early'));
    const onError = (error: Error): void => finish(error);
    const finish = (error?: Error): void => {
      source.off('data', onData).off('end', onEnd).off('close', onSourceClose).off('error', onError);
      sink.off('drain', onDrain).off('close', onSinkClose).off('error', onError);
      if (error === undefined) resolve();
      else reject(error);
    };
    source.on('data', onData).on('end', onEnd).on('close', onSourceClose).on('error', onError);
    sink.on('drain', onDrain).on('close', onSinkClose).on('error', onError);
  });
}
