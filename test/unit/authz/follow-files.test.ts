import { expect, test } from '@jest/globals';
import { systemClock } from '#runtime/clock.ts';
import { silentLogger } from '#runtime/logger.ts';
import type { Snapshot } from '#runtime/read-files.ts';
import { followFiles } from '#services/authz/follow-files.ts';
import { Revisions } from '#services/authz/revisions.ts';
import type { PolicyFile, Refusal } from '#services/authz/revisions.ts';

const policy = (name: string): string => `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: ${name}, namespace: shop }
spec: { action: DENY, rules: [{}] }
`;

const snapshot = (files: Readonly<Record<string, string | Uint8Array>>): Snapshot => ({
  files: Object.entries(files).map(([name, text]) => ({ name, text: Buffer.from(text as string) })),
  faults: [],
  folders: [],
});

test('files that did not change keep their text, and whatever changes comes into force', async () => {
  const revisions = new Revisions({}, systemClock, { load: () => undefined, save: () => undefined });
  const states = [
    { 'a.yaml': policy('a'), 'b.yaml': policy('b') },
    { 'a.yaml': policy('a'), 'b.yaml': policy('b2') },
    { 'a.yaml': Uint8Array.of(0xff), 'b.yaml': policy('b2') },
    { 'a.yaml': policy('a'), 'b.yaml': policy('b') },
    { 'b.yaml': policy('a'), 'c.yaml': policy('b') },
  ].map(snapshot);
  const seen: { files: readonly PolicyFile[]; refusal: Refusal | undefined }[] = [];
  await followFiles(
    (async function* () {
      for (const state of states) yield await Promise.resolve(state);
    })(),
    revisions,
    {
      logger: silentLogger,
      onApplied: () => seen.push({ files: revisions.current?.files ?? [], refusal: revisions.refusal }),
    },
  );
  const [first, second, broken, mended, renamed] = seen;
  expect(second?.files[0]).toBe(first?.files[0]);
  expect(second?.files[1]?.text).toBe(policy('b2'));
  expect(broken?.refusal?.faults).toMatchObject([{ place: { file: 'a.yaml' }, reason: 'the file is not UTF-8' }]);
  expect(broken?.files).toBe(second?.files);
  expect(mended).toMatchObject({ refusal: undefined, files: first?.files });
  expect(renamed?.files).toEqual([
    { name: 'b.yaml', text: policy('a') },
    { name: 'c.yaml', text: policy('b') },
  ]);
});
