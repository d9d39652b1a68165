import { GarrisonError } from '#proto/errors/index.ts';
import type { Call } from './call.ts';
import { FrameReader, frame, prefixBytes } from './frames.ts';
import type { MethodDefinition, UnaryHandler } from './method.ts';

/** Reads one request and answers it. A handler that answers at once costs no promise and no turn of the event loop. */
export function serveUnary<Req, Res>(
  method: MethodDefinition<Req, Res>,
  handler: UnaryHandler<Req, Res>,
  call: Call,
): void {
  readOne(method, call, (request) => {
    const result = handler(request, call);
    if (result instanceof Promise) {
      call.noticeEnd();
      result.then(
        (response) => reply(method, call, response),
        (error: unknown) => call.fail(error),
      );
    } else {
      reply(method, call, result);
    }
  });
}

function reply<Req, Res>(method: MethodDefinition<Req, Res>, call: Call, response: Res): void {
  try {
    call.answer(frame(method.responseSerialize(response)));
  } catch (error) {
    call.fail(error);
  }
}

/** Hands over the only message of a request once the caller has closed its half; whatever throws ends the call. */
export function readOne<Req, Res>(method: MethodDefinition<Req, Res>, call: Call, use: (request: Req) => void): void {
  const { stream } = call;
  let first: Buffer | undefined;
  let reader: FrameReader | undefined;
  let message: Buffer | undefined;
  const take = (found: Buffer): void => {
    if (message !== undefined)
      throw new GarrisonError('INVALID_ARGUMENT', 'the method takes one message and more came');
    message = found;
  };
  stream.on('data', (chunk: Buffer) => {
    if (call.ended) return;
    try {
      if (first === undefined && reader === undefined && isWhole(chunk)) {
        first = chunk;
        return;
      }
      reader ??= new FrameReader(call.maxMessageBytes);
      if (first !== undefined) reader.push(first, take);
      first = undefined;
      reader.push(chunk, take);
    } catch (error) {
      call.fail(error);
    }
  });
  stream.on('end', () => {
    if (call.ended || call.reset) return;
    try {
      if (first !== undefined) {
        if (first.length - prefixBytes > call.maxMessageBytes) new FrameReader(call.maxMessageBytes).push(first, take);
        message = first.subarray(prefixBytes);
      }
      reader?.end();
      if (message === undefined)
        throw new GarrisonError('INVALID_ARGUMENT', 'the method takes one message and none came');
      use(decode(method, message));
    } catch (error) {
      call.fail(error);
    }
  });
}

/** Nearly every request is one chunk holding one message: then there is nothing to assemble. */
function isWhole(chunk: Buffer): boolean {
  return chunk.length >= prefixBytes && chunk[0] === 0 && chunk.readUInt32BE(1) === chunk.length - prefixBytes;
}

export function decode<Req, Res>(method: MethodDefinition<Req, Res>, message: Buffer): Req {
  try {
    return method.requestDeserialize(message);
  } catch (cause) {
    if (cause instanceof GarrisonError) throw cause;
    throw new GarrisonError('INVALID_ARGUMENT', `the request is not a message of \`${method.path}\``, { cause });
  }
}
