import { GarrisonError, asGarrisonError } from '#proto/errors/index.ts';
import type { Call } from './call.ts';
import { FrameReader, frame } from './frames.ts';
import { MessageWriter } from './message-writer.ts';
import type { BidiHandler, MethodDefinition, ServerStreamHandler } from './method.ts';
import { RequestQueue } from './request-queue.ts';
import { okStatus } from './status.ts';
import { decode, readOne } from './unary.ts';

/** One request, many answers. */
export function serveServerStream<Req, Res>(
  method: MethodDefinition<Req, Res>,
  handler: ServerStreamHandler<Req, Res>,
  call: Call,
): void {
  readOne(method, call, (request) => {
    call.noticeEnd();
    void send(method, call, handler(request, call));
  });
}

/** Many requests, many answers. Returns how to end the requests early, so that the handler finishes what it has. */
export function serveBidi<Req, Res>(
  method: MethodDefinition<Req, Res>,
  handler: BidiHandler<Req, Res>,
  call: Call,
): () => void {
  const { stream } = call;
  call.noticeEnd();
  const requests = new RequestQueue<Req>(stream);
  const reader = new FrameReader(call.maxMessageBytes);
  const failed = (error: unknown): void => {
    requests.end(asGarrisonError(error));
    call.fail(error);
  };
  stream.on('data', (chunk: Buffer) => {
    if (call.ended) return;
    try {
      reader.push(chunk, (message) => requests.push(decode(method, message)));
    } catch (error) {
      failed(error);
    }
  });
  stream.on('end', () => {
    if (call.reset) return; // `close` follows
    try {
      reader.end();
      requests.end();
    } catch (error) {
      failed(error);
    }
  });
  // After a reset there is no `end`; whoever waits for the next request must not wait forever.
  stream.on('close', () => requests.end(new GarrisonError('CANCELLED', 'the caller is gone')));
  try {
    void send(method, call, handler(requests, call));
  } catch (error) {
    failed(error);
  }
  return () => requests.end();
}

async function send<Req, Res>(
  method: MethodDefinition<Req, Res>,
  call: Call,
  responses: AsyncIterable<Res>,
): Promise<void> {
  const writer = new MessageWriter(call.stream);
  try {
    for await (const response of responses) {
      if (call.ended) return;
      call.open();
      const full = writer.write(frame(method.responseSerialize(response)));
      if (full !== undefined) await full;
    }
    writer.flush();
    call.open();
    call.end(okStatus);
  } catch (error) {
    writer.flush();
    call.fail(error);
  }
}
