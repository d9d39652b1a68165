import { isUtf8 } from 'node:buffer';
import { cedarFor } from '#policies/cedar/index.ts';
import type { CedarEngine } from '#policies/cedar/index.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import { describeFault } from '#schema/index.ts';
import type { Fault, Steps } from '#schema/index.ts';
import { inSlices } from '#runtime/in-slices.ts';
import type { Logger } from '#runtime/logger.ts';
import type { FileText, Snapshot } from '#runtime/read-files.ts';
import type { PolicyFile, Revisions } from './revisions.ts';

export interface FollowOptions {
  readonly logger: Logger;
  /**
   * Paths whose absence means that there are no documents yet. Once there were some, the absence of any path means that
   * they are not all there: to delete the folder must not open every door.
   */
  readonly mayBeAbsent?: readonly string[];
  /** Aborts what is being put in force. */
  readonly signal?: AbortSignal;
  /** Told after every snapshot was put in force or refused. */
  readonly onApplied?: () => void;
}

/** Puts every state of the policy files in force, or says why it is not. Ends when the snapshots end. */
export async function followFiles(
  snapshots: AsyncIterable<Snapshot>,
  revisions: Revisions,
  { logger, mayBeAbsent = [], signal, onApplied }: FollowOptions,
): Promise<void> {
  let known: KnownTexts = new Map();
  for await (const snapshot of snapshots) {
    const optional = (revisions.current?.files.length ?? 0) === 0 ? mayBeAbsent : [];
    const faults = snapshot.faults.filter(
      ({ code, place }) => code !== 'NOT_FOUND' || place === undefined || !optional.includes(place),
    );
    try {
      const read = await inSlices(readTexts(snapshot.files, known));
      known = read.known;
      await applyTexts(read, faults, revisions, logger, await cedarFor(snapshot.files));
    } catch (error) {
      if (signal?.aborted === true) return;
      throw error;
    }
    onApplied?.();
  }
}

async function applyTexts(
  { texts, notTexts }: Texts,
  faults: readonly GarrisonError[],
  revisions: Revisions,
  logger: Logger,
  cedar: CedarEngine | undefined,
): Promise<void> {
  const unreadable = [...faults.map(asFault), ...notTexts];
  // With a file that cannot be read the documents are not all there: a missing DENY would be a door.
  const outcome = unreadable.length > 0 ? revisions.refuse(unreadable) : await revisions.apply(texts, cedar);
  const { current, refusal } = revisions;
  switch (outcome) {
    case 'unchanged':
      return;
    case 'activated':
      logger.info('policy in force', { revision: current?.number, documents: current?.set.documents.length });
      for (const warning of current?.warnings ?? []) logger.warn('policy warning', { fault: describeFault(warning) });
      return;
    case 'refused':
      logger.error('policy change refused', {
        serving: current === undefined ? 'nothing: every check is refused' : `revision ${current.number}`,
        faults: refusal?.faults.map(describeFault),
      });
  }
}

interface Texts {
  readonly texts: readonly PolicyFile[];
  readonly notTexts: readonly Fault[];
  readonly known: KnownTexts;
}

/** The text of each file as it was, by its name. */
type KnownTexts = ReadonlyMap<string, { readonly bytes: Uint8Array; readonly text: PolicyFile }>;

/** A file that did not change keeps its text: of megabytes of documents a change is some lines. */
function* readTexts(files: readonly FileText[], before: KnownTexts): Steps<Texts> {
  const texts: PolicyFile[] = [];
  const notTexts: Fault[] = [];
  const known = new Map<string, { bytes: Uint8Array; text: PolicyFile }>();
  for (const file of files) {
    const { buffer, byteOffset, byteLength } = file.text;
    const bytes = Buffer.from(buffer, byteOffset, byteLength);
    const earlier = before.get(file.name);
    const same = earlier !== undefined && bytes.equals(earlier.bytes);
    if (same || isUtf8(bytes)) {
      const text = same ? earlier.text : { name: file.name, text: bytes.toString('utf8') };
      texts.push(text);
      // The bytes as they were read last are kept anyway.
      known.set(file.name, { bytes, text });
    } else {
      notTexts.push(notText(file));
    }
    yield;
  }
  return { texts, notTexts, known };
}

function asFault(error: GarrisonError): Fault {
  const place = { file: error.place ?? '', line: 1, column: 1 };
  return { severity: 'error', place, field: '', reason: error.message, fix: error.remedy };
}

function notText({ name }: FileText): Fault {
  const place = { file: name, line: 1, column: 1 };
  return { severity: 'error', place, field: '', reason: 'the file is not UTF-8', fix: 'save it as UTF-8' };
}
