import path from 'node:path';
import { decodePem } from '#ca/pem.ts';
import { GarrisonError } from '#proto/errors/index.ts';
import { silentLogger } from '#runtime/logger.ts';
import { readCeremonyPlan } from '#services/ca/ceremony/ceremony-plan.ts';
import { runCeremony } from '#services/ca/ceremony/run-ceremony.ts';
import { verifyReport } from '#services/ca/ceremony/verify-report.ts';
import { declareVerb } from '../verb.ts';
import { noteExposed } from './note-exposed.ts';
import { readInput } from './read-input.ts';

export const verb = declareVerb({
  name: 'identity init',
  summary: 'make a root and an intermediate in one ceremony, as one file says, with a report that the root signs',
  flags: {
    from: { kind: 'string', value: 'FILE', describe: 'what describes the ceremony: the only input' },
    verify: {
      kind: 'string',
      value: 'REPORT',
      describe: 'or: check a report and its signature against --root; exit 1 when it is not proven',
    },
    root: {
      kind: 'string',
      value: 'FILE',
      describe: 'with --verify: the root that it must be of, from elsewhere (PEM)',
    },
  },
  example: 'garrison identity init --from ./ceremony.yaml',
  async run({ flags, output, cwd, clock, version }) {
    const { from, verify } = flags;
    if ((from === undefined) === (verify === undefined)) {
      throw new GarrisonError('INVALID_ARGUMENT', 'a ceremony is done, or a report of one is checked', {
        remedy: 'give one of `--from` and `--verify`',
      });
    }
    if (from !== undefined) {
      const read = readCeremonyPlan(path.resolve(cwd, from));
      const report = await runCeremony(read, { clock, logger: silentLogger, version, onExposed: noteExposed(output) });
      const { root, issuing } = read.plan;
      output.result(report, JSON.stringify(report, null, 2));
      output.note(`signed by the root: ${read.plan.report}, ${read.plan.report}.sig`);
      if (root.keys.kind === 'file')
        output.note(`take it away and keep it safe: ${path.join(root.folder, 'root-key.pem')}`);
      const passphrase =
        issuing.passphraseFile === undefined ? '' : ` and \`passphraseFile: ${issuing.passphraseFile}\``;
      output.note(`the authority starts with \`state: ${read.plan.state}\`${passphrase}`);
      return 0;
    }
    const pinned = flags.root === undefined ? undefined : readInput(path.resolve(cwd, flags.root), '--root');
    const der = pinned === undefined ? undefined : decodePem(pinned, ['CERTIFICATE'], `\`${flags.root ?? ''}\``);
    const { report, faults } = verifyReport(path.resolve(cwd, verify ?? ''), der);
    const consistent = faults.length === 0;
    // Anybody can make a root, and with it a report that is consistent: what proves it is a root that came another way.
    const verified = consistent && der !== undefined;
    const { authority, trustDomain, root } = report;
    const said = { verified, consistent, faults, authority, trustDomain, root: root.sha256 };
    const signer = `the root ${root.subject} (SHA-256 ${root.sha256})`;
    const text = verified
      ? `verified: ${signer} signed this report`
      : consistent
        ? `not proven: the report is consistent in itself, signed by ${signer} that it brings along; give the root that you know from elsewhere with \`--root\``
        : `not verified: ${faults.join('; ')}`;
    output.result(said, text);
    return verified ? 0 : 1;
  },
});
