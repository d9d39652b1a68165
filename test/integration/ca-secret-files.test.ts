import { expect, test } from '@jest/globals';
import { chmodSync } from 'node:fs';
import path from 'node:path';
import { Command, anyPorts, folderWith } from '#test/fakes/command.ts';

const config = `state: ./state\npassphraseFile: ./passphrase\n${anyPorts}`;

test.each([
  [0o600, []],
  [0o644, [{ mode: '0644' }]],
])(
  'an authority whose passphrase has mode %i (decimal) says so once, and starts',
  async (mode, expected) => {
    const folder = folderWith({ 'garrison.yaml': config, passphrase: 'open sesame\n' });
    const file = path.join(folder, 'passphrase');
    chmodSync(file, mode);
    await using ca = new Command(['ca'], { cwd: folder });
    expect(await ca.line()).toContain('ready');
    const { stderr } = await ca.end();
    const lines = stderr.trim().split('\n').filter(Boolean);
    const warnings = lines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ level }) => level === 'warn');
    const event = 'others may read a file with a secret';
    const told = { event, setting: 'passphraseFile', file, remedy: `\`chmod 600 ${file}\`` };
    expect(warnings).toMatchObject(expected.map((more) => ({ ...told, ...more })));
    expect(stderr).not.toContain('open sesame');
  },
  30_000,
);
