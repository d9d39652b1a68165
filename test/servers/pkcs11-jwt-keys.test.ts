import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { jwtKeyOf } from '#ca/jwt/jwt-key.ts';
import { decodePem } from '#ca/pem.ts';
import { Command } from '#test/fakes/command.ts';
import { SoftHsm } from '#test/fakes/soft-hsm.ts';

// As processes: a library is open once in each, with the tokens that it found then.
test('an authority signs on when the JWT key it was made with is revoked, also after a restart', async () => {
  using hsm = new SoftHsm();
  hsm.addToken('mesh');
  const place = mkdtempSync(join(tmpdir(), 'gca-'));
  const keys = `{ kind: pkcs11, module: ${hsm.module}, token: mesh, pin: ${hsm.pinFile} }`;
  const config = `state: ./state\nca: { listen: 127.0.0.1:0, admin: 127.0.0.1:0, keys: ${keys} }\n`;
  writeFileSync(join(place, 'garrison.yaml'), config);
  const around = { cwd: place, env: { ...process.env, ...hsm.env } };
  const start = async (): Promise<Command> => {
    const ca = new Command(['ca', '--output', 'json'], around);
    await ca.line();
    return ca;
  };
  const identity = async (...args: string[]): Promise<void> => {
    expect(await new Command(['identity', ...args], around).ended()).toMatchObject({ code: 0 });
  };
  {
    await using _ = await start();
    const folder = join(place, 'state', 'ca', 'authorities');
    const [id = ''] = readdirSync(folder);
    const pem = readFileSync(join(folder, id, 'jwt-public.pem'), 'utf8');
    await identity('jwt', 'rotate', '--wait', '0s');
    await identity('jwt', 'revoke', jwtKeyOf(decodePem(pem, ['PUBLIC KEY'], 'key')).kid);
    await identity('jwt', 'rotate', '--wait', '0s');
  }
  {
    await using _ = await start();
    await identity('mint', '--service-account', 'shop/web', '--out', join(place, 'web'));
  }
  rmSync(place, { recursive: true });
}, 60_000);
