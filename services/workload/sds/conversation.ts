import { asGarrisonError, GarrisonError } from '#proto/errors/index.ts';
import type { BidiHandler } from '#runtime/grpc/method.ts';
import type { Logger } from '#runtime/logger.ts';
import { attestUnix } from '../attest-unix.ts';
import type { Holding, Holdings } from '../holdings.ts';
import { secretType, Secrets, type Offered } from './secrets.ts';

export interface Heard {
  /** What the client says of the response that it could not use. */
  readonly refusal: { readonly message: string; readonly names: readonly string[] } | undefined;
}

/** What one stream has asked for and been told. Both forms of the protocol are such; neither waits nor sends. */
export interface Conversation<Req, Res> {
  hear(request: Req): Heard;
  /** What is asked for and not there. */
  unknown(secrets: Offered): readonly string[];
  /** Undefined where there is nothing new to say. */
  answer(secrets: Offered): Res | undefined;
}

export interface SdsOptions {
  readonly holdings: Holdings;
  readonly logger: Logger;
  /** Counts a stream; what it returns ends the counting. */
  readonly opened: () => () => void;
}

/** More names than any Envoy asks for on one stream: each of them is looked up at every change. */
const mostNames = 1000;

/** What a client says goes into the log, but not as much of it as it likes. */
const longestLogged = 1000;

/** Made once for all streams of the same kind of caller. */
const made = new WeakMap<Holding, Secrets>();

export function secretsOf(holding: Holding): Secrets {
  let secrets = made.get(holding);
  if (secrets === undefined) made.set(holding, (secrets = new Secrets(holding)));
  return secrets;
}

/** Answers at once what is asked and pushes what changes, for as long as the client holds the stream. */
export function converse<Req extends { readonly typeUrl: string }, Res>(
  { holdings, logger, opened }: SdsOptions,
  begin: () => Conversation<Req, Res>,
): BidiHandler<Req, Res> {
  return async function* (requests, { peer, signal }) {
    const attested = attestUnix(peer);
    const { caller } = attested;
    const conversation = begin();
    const closed = opened();
    using holder = holdings.open(attested);
    let ended: { error?: unknown } | undefined;
    let turn = new AbortController();
    const listen = async (): Promise<void> => {
      for await (const request of requests) {
        checkType(request);
        const { refusal } = conversation.hear(request);
        if (refusal !== undefined) {
          const { message, names } = refusal;
          const shown = { reason: message.slice(0, longestLogged), names: names.join(' ').slice(0, longestLogged) };
          logger.warn('secrets refused by the client', { caller, ...shown });
        }
        turn.abort();
      }
    };
    void listen()
      .then(
        () => (ended = {}),
        (error: unknown) => (ended = { error }),
      )
      .finally(() => turn.abort());
    try {
      let missed = '';
      while (!signal.aborted) {
        turn = new AbortController();
        const seen = holder.changes.version;
        if (ended !== undefined) break;
        const secrets = secretsOf(await holder.holding());
        const response = conversation.answer(secrets);
        if (response !== undefined) yield response;
        const unknown = conversation.unknown(secrets).join(' ').slice(0, longestLogged);
        if (unknown !== missed && unknown !== '') logger.warn('secrets asked for in vain', { caller, names: unknown });
        missed = unknown;
        await holder.changes.after(seen, turn.signal);
      }
      if (ended?.error !== undefined) throw asGarrisonError(ended.error);
    } finally {
      closed();
    }
  };
}

/** Throws when a stream asks for more than anybody needs. */
export function checkCount(names: number): void {
  if (names <= mostNames) return;
  throw new GarrisonError(
    'RESOURCE_EXHAUSTED',
    `${names} secrets are asked for on one stream, ${mostNames} are served`,
    {
      remedy: 'name fewer, or none for all there are',
    },
  );
}

export function checkType({ typeUrl }: { readonly typeUrl: string }): void {
  if (typeUrl === '' || typeUrl === secretType) return;
  throw new GarrisonError('INVALID_ARGUMENT', `\`${typeUrl.slice(0, 200)}\` is not served here`, {
    remedy: `ask for \`${secretType}\``,
  });
}
