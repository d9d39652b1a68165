import { readFile } from 'node:fs/promises';
import { readStrictJson } from '#policies/tokens/strict-json.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { askHttp } from '#runtime/ask-http.ts';
import type { ClusterReview } from '#runtime/config/callers-config.ts';
import { at } from '#runtime/json-at.ts';

const timeoutMs = 5000;
const maxBytes = 256 * 1024;
const maxTokenCharacters = 16 * 1024;

/** What an API server says of a token that is good. */
export interface ReviewedToken {
  /** `system:serviceaccount:NAMESPACE:NAME`, or whoever else it is. */
  readonly user: string;
  /** What Kubernetes knows beside: pod and node of a bound token. */
  readonly extra: ReadonlyMap<string, string>;
}

/** Asks the API server of a cluster whose token this is (authentication.k8s.io/v1 TokenReview). Throws for every other answer. */
export async function reviewToken(cluster: ClusterReview, token: string, signal: AbortSignal): Promise<ReviewedToken> {
  if (token.length > maxTokenCharacters) throw refusal(cluster, 'the token is longer than 16 KiB');
  const { audiences } = cluster;
  const answer = await ask(cluster, {
    body: { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenReview', spec: { token, audiences } },
    signal,
  });
  const status = at(answer, 'status');
  if (at(answer, 'kind') !== 'TokenReview') throw away(cluster, 'answers with something else');
  if (at(status, 'authenticated') !== true) throw refusal(cluster, 'the API server does not know the token');
  if (typeof at(status, 'error') === 'string' && at(status, 'error') !== '') {
    throw refusal(cluster, 'the API server found a fault in the token');
  }
  // A server that knows nothing of audiences leaves them out: then nobody said that the token is for us.
  const found = at(status, 'audiences');
  if (!Array.isArray(found) || !audiences.some((audience) => found.includes(audience))) {
    throw refusal(cluster, 'the token is for another audience');
  }
  const user = at(status, 'user', 'username');
  if (typeof user !== 'string' || user === '') throw away(cluster, 'names no user');
  return { user, extra: readExtra(at(status, 'user', 'extra')) };
}

/** GETs an object of the cluster's API. */
export function getObject(cluster: ClusterReview, path: string, signal: AbortSignal): Promise<unknown> {
  return ask(cluster, { path, signal });
}

/** Values are lists; one that holds exactly one text has one reading. */
function readExtra(extra: unknown): ReadonlyMap<string, string> {
  if (typeof extra !== 'object' || extra === null) return new Map();
  return new Map(
    Object.entries(extra).flatMap(([name, values]: [string, unknown]): [string, string][] => {
      const [first, ...rest] = Array.isArray(values) ? (values as unknown[]) : [];
      return typeof first === 'string' && rest.length === 0 ? [[name, first]] : [];
    }),
  );
}

interface Question {
  readonly path?: string;
  readonly body?: unknown;
  readonly signal: AbortSignal;
}

async function ask(cluster: ClusterReview, { path, body, signal }: Question): Promise<unknown> {
  const [authority, token] = await Promise.all([read(cluster.ca), read(cluster.token)]).catch((cause: unknown) => {
    throw new GarrisonError('UNAUTHENTICATED', `what \`${cluster.cluster}\` is asked with cannot be read`, {
      cause,
    });
  });
  try {
    const { status, body: answer } = await askHttp({
      url: path === undefined ? cluster.tokenReview : new URL(path, cluster.tokenReview),
      headers: { authorization: `Bearer ${token.trim()}` },
      body,
      ca: authority,
      timeoutMs,
      maxBytes,
      signal,
    });
    if (status !== 200 && status !== 201) throw away(cluster, `answers with status ${status}`);
    const value = readStrictJson(answer);
    if (typeof value === 'string') throw away(cluster, `answers with what ${value}`);
    return value;
  } catch (error) {
    if (error instanceof GarrisonError) throw error;
    throw away(cluster, `cannot be asked: ${error instanceof Error ? error.message : String(error)}`, error);
  }
}

function read(file: string): Promise<string> {
  return readFile(file, 'utf8');
}

function refusal({ cluster }: ClusterReview, why: string): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the token for the cluster \`${cluster}\` is refused: ${why}`);
}

/** Who asks does not learn that it is not its own fault: without an answer nobody is who it says. */
function away({ cluster }: ClusterReview, why: string, cause?: unknown): GarrisonError {
  return new GarrisonError('UNAUTHENTICATED', `the API server of \`${cluster}\` ${why}`, { cause });
}
