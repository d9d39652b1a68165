import { GarrisonError } from '#proto/errors/index.ts';
import { type BaseLogger, pino } from 'pino';

export const logLevels = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof logLevels)[number];

/** JSON lines for operators. An event is a fixed phrase; what varies goes into the fields. */
export interface Logger {
  debug(event: string, fields?: Readonly<Record<string, unknown>>): void;
  info(event: string, fields?: Readonly<Record<string, unknown>>): void;
  warn(event: string, fields?: Readonly<Record<string, unknown>>): void;
  error(event: string, fields?: Readonly<Record<string, unknown>>): void;
  child(fields: Readonly<Record<string, unknown>>): Logger;
}

export interface LoggerOptions {
  readonly level?: LogLevel;
  /** Receives whole lines, each with its line feed. Standard error when absent. */
  readonly write?: (line: string) => void;
}

/** Fields that are secrets by their name: their presence is logged, never their value. */
const secret = /^(authorization|cookie|passphrase|password|private_?key|secret|token|joinToken)$/i;

export function createLogger(options: LoggerOptions = {}): Logger {
  const write = options.write ?? ((line: string) => void process.stderr.write(line));
  return wrap(
    pino(
      {
        level: options.level ?? 'info',
        base: null,
        messageKey: 'event',
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
      },
      { write },
    ),
  );
}

type Sink = Pick<BaseLogger, 'debug' | 'info' | 'warn' | 'error'> & {
  isLevelEnabled(level: string): boolean;
  child(fields: object): Sink;
};

function wrap(sink: Sink): Logger {
  const at =
    (level: 'debug' | 'info' | 'warn' | 'error') =>
    (event: string, fields?: Readonly<Record<string, unknown>>): void => {
      // What nobody will read is not made readable.
      if (sink.isLevelEnabled(level)) sink[level](readable(fields), event);
    };
  return {
    debug: at('debug'),
    info: at('info'),
    warn: at('warn'),
    error: at('error'),
    child: (fields) => wrap(sink.child(readable(fields))),
  };
}

function readable(fields: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const shown: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    shown[name] = secret.test(name) && value !== undefined ? '(secret)' : plain(value);
  }
  return shown;
}

function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return value.toString();
  return value instanceof Error ? describeError(value) : value;
}

/** An error as fields: ours with code, place and remedy, anyone's with the chain of causes. The stack only where the fault may be ours. */
export function describeError(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { message: String(error) };
  const cause = error.cause === undefined ? {} : { cause: describeError(error.cause) };
  if (!(error instanceof GarrisonError)) {
    return { message: error.message, ...(isFromOutside(error) ? {} : { stack: error.stack }), ...cause };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.place === undefined ? {} : { place: error.place }),
    ...(error.remedy === undefined ? {} : { remedy: error.remedy }),
    ...cause,
  };
}

/** Of the system, of TLS, or a status that came over gRPC: where in our code that was heard says nothing about it. */
function isFromOutside(error: Error): boolean {
  return 'syscall' in error || 'library' in error || ('details' in error && 'metadata' in error);
}

export const silentLogger: Logger = createLogger({ level: 'silent', write: () => undefined });
