import { existsSync, readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import path from 'node:path';
import { request } from '#runtime/http.ts';
import { GarrisonError, errorCodes } from '#proto/errors/index.ts';
import { formatAddress, isUnix, parseAddress } from '#runtime/address.ts';
import type { Address } from '#runtime/address.ts';
import { readConfig } from '#runtime/config/config.ts';
import type { Flags, Invocation } from '../verb.ts';

/** Flags of verbs that ask the audit. */
export const collectorFlags = {
  server: {
    kind: 'string',
    value: 'ADDRESS',
    describe: 'the collector’s `telemetry.http`; else that of the running mesh',
  },
  config: { kind: 'string', value: 'FILE', describe: 'the garrison.yaml of the running mesh' },
} as const satisfies Flags;

type Place = Pick<Invocation<typeof collectorFlags>, 'flags' | 'env' | 'cwd'>;

/** Given, else where the running mesh says it listens, else where its configuration says it would. */
export function collectorAddress({ flags, env, cwd }: Place): Address {
  if (flags.server !== undefined) return parseAddress(flags.server);
  const config = readConfig({ path: flags.config, env, cwd });
  const running = runningAddress(path.join(config.state, 'addresses.json'));
  const address = running ?? config.telemetry.http;
  if (address !== undefined) return address;
  throw new GarrisonError('FAILED_PRECONDITION', 'the audit of this mesh cannot be asked', {
    place: 'telemetry.http',
    remedy: 'set it to a loopback address or a unix socket and start the mesh again',
  });
}

/** Ports may be chosen by the kernel: processes write the real ones into the state folder. */
function runningAddress(file: string): Address | undefined {
  if (!existsSync(file)) return undefined;
  let known: unknown;
  try {
    known = JSON.parse(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new GarrisonError('FAILED_PRECONDITION', 'the addresses of the mesh cannot be read', {
      place: file,
      remedy: 'start the mesh again, or name the collector with `--server`',
      cause,
    });
  }
  const address = (known as Readonly<Record<string, unknown>> | null)?.['telemetryHttp'];
  return typeof address === 'string' ? parseAddress(address) : undefined;
}

const patienceMs = 30_000;

/** One GET; a refusal comes back as the error that the collector names. */
export async function askCollector(address: Address, pathname: string, params: URLSearchParams): Promise<unknown> {
  const target = `${pathname}?${params.toString()}`;
  const to = isUnix(address) ? { socketPath: address.path } : { host: address.host, port: address.port };
  const { status, body } = await new Promise<{ status: number; body: string }>((resolve, reject) => {
    const asked = request({ ...to, path: target, headers: { host: 'localhost' }, timeout: patienceMs }, (response) => {
      readBody(response).then((text) => resolve({ status: response.statusCode ?? 0, body: text }), reject);
    });
    asked.on('timeout', () => asked.destroy(new Error(`no answer within ${patienceMs / 1000} s`)));
    asked.on('error', reject);
    asked.end();
  }).catch((cause: unknown) => {
    throw unreachable(address, cause);
  });
  const json = readJson(address, body);
  if (status === 200) return json;
  throw refusal(status, json);
}

async function readBody(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

function readJson(address: Address, body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch (cause) {
    throw new GarrisonError('UNAVAILABLE', `what answers at \`${formatAddress(address)}\` is not the collector`, {
      remedy: 'name its `telemetry.http` address with `--server`',
      cause,
    });
  }
}

function unreachable(address: Address, cause: unknown): GarrisonError {
  const { code, message } = cause as { code?: string; message: string };
  return new GarrisonError(
    'UNAVAILABLE',
    `no collector answers at \`${formatAddress(address)}\` (${code ?? message})`,
    {
      remedy: 'start one (`garrison up`), or name its `telemetry.http` address with `--server`',
      cause,
    },
  );
}

function refusal(status: number, json: unknown): GarrisonError {
  const { code, message, place, remedy } =
    (json as { error?: Partial<Record<'code' | 'message' | 'place' | 'remedy', string>> } | null)?.error ?? {};
  return new GarrisonError(
    errorCodes.find((known) => known === code) ?? 'UNAVAILABLE',
    message ?? `the collector answered with status ${status}`,
    { ...(place === undefined ? {} : { place }), ...(remedy === undefined ? {} : { remedy }) },
  );
}
