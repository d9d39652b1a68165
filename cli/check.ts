import { randomUUID } from 'node:crypto';
import { decodeReferences, encodeAttributes, globalWords } from '#proto/attributes/index.ts';
import type { Reference } from '#proto/attributes/index.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { Decision } from '#proto/gen/garrison/v1/decision.ts';
import { MixerClient } from '#proto/gen/istio/mixer/v1/mixer.ts';
import type { CheckResponse } from '#proto/gen/istio/mixer/v1/mixer.ts';
import { callUnary } from '#runtime/grpc/call-unary.ts';
import { grpcClient } from '#runtime/grpc/client.ts';
import { attributeHelp, parseAttributes } from './attribute-flags.ts';
import { clientFlags, explainUnreachable, serverToCall } from './client-identity.ts';
import { declareVerb } from './verb.ts';

export const verb = declareVerb({
  name: 'check',
  summary: 'ask whether something may happen',
  flags: {
    ...clientFlags,
    attribute: { kind: 'strings', value: 'NAME=VALUE', describe: attributeHelp },
    quota: { kind: 'strings', value: 'NAME=AMOUNT', describe: 'ask for so many units as well' },
  },
  example:
    'garrison check --server 127.0.0.1:9099 --attribute destination.namespace=default --attribute request.path=/admin',
  async run({ flags, output, cwd }) {
    const attributes = encodeAttributes(parseAttributes(flags.attribute));
    const quotas = new Map(flags.quota.map(parseQuota));
    const { address, security } = serverToCall(flags, 'authz', cwd);
    const client = grpcClient(MixerClient, address, security);
    try {
      const request = { attributes, globalWordCount: globalWords.length, deduplicationId: randomUUID(), quotas };
      const response = await callUnary(client.check.bind(client), request).catch(explainUnreachable(flags.server));
      const answer = readAnswer(response, quotas);
      output.result(answer, describe(answer));
      return answer.allowed ? 0 : 1;
    } finally {
      client.close();
    }
  },
});

type Asked = ReadonlyMap<string, { readonly amount: bigint }>;

function parseQuota(flag: string): [string, { amount: bigint; bestEffort: boolean }] {
  const [, name, amount] = /^(.+)=([0-9]{1,18})$/.exec(flag) ?? [];
  if (name !== undefined && amount !== undefined) return [name, { amount: BigInt(amount), bestEffort: false }];
  throw new GarrisonError('INVALID_ARGUMENT', `\`${flag}\` is no quota`, {
    place: '--quota',
    remedy: 'write `name=amount`',
  });
}

interface QuotaAnswer {
  readonly asked: bigint;
  readonly granted: bigint;
  readonly message: string;
}

interface CheckAnswer {
  /** The precondition holds and every quota was granted. */
  readonly allowed: boolean;
  readonly code: number;
  readonly effect: string;
  readonly reason: string;
  readonly decision: string | undefined;
  readonly policy: string | undefined;
  readonly rule: number | undefined;
  readonly revision: bigint | undefined;
  readonly httpStatus: number | undefined;
  readonly validMs: number;
  readonly validUses: number;
  readonly referenced: readonly Reference[];
  readonly quotas: Readonly<Record<string, QuotaAnswer>>;
}

function readAnswer(response: CheckResponse, asked: Asked): CheckAnswer {
  const { precondition } = response;
  const code = precondition?.status?.code ?? 0;
  const detail = precondition?.status?.details.find(({ typeUrl }) => typeUrl.endsWith('/garrison.v1.Decision'));
  const decision = detail && Decision.decode(detail.value);
  const quotas = [...asked].map(([name, { amount }]): [string, QuotaAnswer] => {
    const result = response.quotas.get(name);
    return [name, { asked: amount, granted: result?.grantedAmount ?? 0n, message: result?.status?.message ?? '' }];
  });
  const { seconds = 0n, nanos = 0 } = precondition?.validDuration ?? {};
  return {
    allowed: code === 0 && quotas.every(([, quota]) => quota.granted >= quota.asked),
    code,
    // A server that is not ours sends no decision: its status is all there is.
    effect: decision?.effect ?? (code === 0 ? 'allow' : 'deny'),
    reason: decision?.reason ?? precondition?.status?.message ?? '',
    decision: decision?.id,
    policy: decision?.policy,
    rule: decision?.rule,
    revision: decision?.revision,
    httpStatus: decision?.httpStatus,
    validMs: Number(seconds) * 1_000 + nanos / 1_000_000,
    validUses: precondition?.validUseCount ?? 0,
    referenced: precondition?.referencedAttributes ? decodeReferences(precondition.referencedAttributes) : [],
    quotas: Object.fromEntries(quotas),
  };
}

function describe(answer: CheckAnswer): string {
  const { effect, code, policy, rule, revision, decision, referenced, quotas } = answer;
  const by = policy === undefined || policy === 'none' ? '' : `, ${policy}${rule === undefined ? '' : ` rule ${rule}`}`;
  const lines = [
    `${effect === 'allow' ? 'allowed' : `denied (status ${code})`}${by}: ${answer.reason}`,
    ...(decision === undefined ? [] : [`decision ${decision}, revision ${String(revision)}`]),
    `valid for ${answer.validMs} ms and ${answer.validUses} uses with the same ${referenced.map(show).join(', ')}`,
    ...Object.entries(quotas).map(
      ([name, quota]) =>
        `quota ${name}: ${quota.granted.toString()} of ${quota.asked.toString()} granted ${quota.message}`,
    ),
  ];
  return lines.join('\n');
}

function show({ name, key, condition }: Reference): string {
  return `${name}${key === undefined ? '' : `[${key}]`}${condition === 'absence' ? ' (absent)' : ''}`;
}
