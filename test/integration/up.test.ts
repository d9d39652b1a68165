import { describe, expect, test } from '@jest/globals';
import { once } from 'node:events';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import path from 'node:path';
import { Command, anyPorts, folderWith, run } from '#test/fakes/command.ts';

interface Ready {
  readonly ready: true;
  readonly revision: number;
  readonly addresses: Readonly<Record<string, string>>;
}

const names = ['ca', 'workloadApi', 'caAdmin', 'authz', 'authzLocal', 'authzAdmin'].concat([
  'telemetry',
  'telemetryLocal',
  'telemetryHttp',
  'telemetryAdmin',
]);

async function page(address: string | undefined, name: string): Promise<{ status: number; body: string }> {
  const response = await fetch(`http://${String(address)}${name}`);
  return { status: response.status, body: await response.text() };
}

const strict = `apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: { name: default, namespace: istio-system }
spec: { mtls: { mode: STRICT } }
`;

describe('garrison up', () => {
  test('serves, says so in one line, publishes its addresses, and ends when told to', async () => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    await using up = new Command(['up', '--output', 'json'], { cwd: folder });
    const { ready, revision, addresses } = JSON.parse(await up.line()) as Ready;
    expect(ready).toBe(true);
    expect(revision).toBe(1);
    expect(Object.keys(addresses).sort()).toEqual([...names].sort());
    expect(addresses['workloadApi']).toBe(`unix://${folder}/.garrison/workload.sock`);
    expect(JSON.parse(readFileSync(path.join(folder, '.garrison/addresses.json'), 'utf8'))).toEqual(addresses);
    expect(statSync(path.join(folder, '.garrison')).mode & 0o777).toBe(0o700);

    for (const admin of ['caAdmin', 'authzAdmin', 'telemetryAdmin']) {
      expect((await page(addresses[admin], '/livez')).status).toBe(200);
      expect(JSON.parse((await page(addresses[admin], '/readyz')).body)).toEqual({ ready: true, missing: [] });
      expect((await page(addresses[admin], '/metrics')).body).toContain('# TYPE');
      expect((await page(addresses[admin], '/config')).body).toContain('cluster.local');
    }

    const status = await run(['status', '--output', 'json'], folder);
    expect(status.code).toBe(0);
    expect(
      status.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as unknown),
    ).toEqual(expect.arrayContaining([expect.objectContaining({ process: 'authz', ready: true })]));

    expect((await up.end()).code).toBe(0);
    expect((await run(['status'], folder)).code).toBe(2);
    expect(existsSync(path.join(folder, '.garrison/workload.sock'))).toBe(false);
  });

  test('--once ends as soon as everything serves; without a file all defaults but the ports hold', async () => {
    const folder = folderWith({ 'mesh.yaml': anyPorts });
    const { code, stdout } = await run(['up', '--once', '--config', 'mesh.yaml'], folder);
    expect({ code, stdout }).toEqual({ code: 0, stdout: 'ready\n' });
  });

  test('a second start on the same state folder finds everything as it was', async () => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    expect((await run(['up', '--once'], folder)).code).toBe(0);
    const bundle = readFileSync(path.join(folder, '.garrison/bundle.pem'), 'utf8');
    await using killed = new Command(['up'], { cwd: folder });
    expect(await killed.line()).toBe('ready');
    await killed.end('SIGKILL');
    expect(await run(['up', '--once'], folder)).toMatchObject({ code: 0, stdout: 'ready\n' });
    expect(readFileSync(path.join(folder, '.garrison/bundle.pem'), 'utf8')).toBe(bundle);
  });

  test.each([
    ['no folder', 'missing'],
    ['an empty folder', 'empty'],
  ])('%s of policies: says that everything is allowed, and is ready', async (_, which) => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    if (which === 'empty') mkdirSync(path.join(folder, 'policies'));
    // The second time the revision without documents is the one that was kept.
    for (const verb of [
      ['up', '--once'],
      ['up', '--once'],
    ]) {
      const { code, stdout, stderr } = await run(verb, folder);
      expect({ code, stdout }).toEqual({ code: 0, stdout: 'ready\n' });
      expect(stderr.split('\n').filter((line) => line.startsWith('garrison: '))).toEqual([
        expect.stringContaining('there are no documents in `policies`, so that every request is allowed: write '),
      ]);
    }
    mkdirSync(path.join(folder, 'policies'), { recursive: true });
    writeFileSync(path.join(folder, 'policies', 'strict.yaml'), strict);
    expect((await run(['up', '--once'], folder)).stderr).not.toContain('garrison: ');
  });

  test('a folder of policies that was named and is not there: says that it waits, and takes it up', async () => {
    const folder = folderWith({ 'garrison.yaml': `policies: [ ./mine ]\n${anyPorts}` });
    await using up = new Command(['up'], { cwd: folder });
    const told = new Promise<string>((resolve) => {
      let all = '';
      up.child.stderr?.on('data', (chunk: Buffer) => {
        all += chunk.toString();
        if (all.includes('waits for documents')) resolve(all);
      });
    });
    expect(await told).toContain(
      'every check is refused: correct `mine`; `garrison policy validate` tells every fault',
    );
    mkdirSync(path.join(folder, 'mine'));
    writeFileSync(path.join(folder, 'mine', 'strict.yaml'), strict);
    expect(await up.line()).toBe('ready');
    expect((await up.end()).code).toBe(0);
  });

  test('runs where the Node in the path is an old one, and passes signals and exit codes on', async () => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    const PATH = String(process.env['PATH'])
      .split(':')
      .filter((one) => !one.includes('node_modules'))
      .join(':');
    const program = [path.resolve('bin/garrison.js')];
    await using up = new Command(['up'], { cwd: folder, program, env: { ...process.env, PATH } });
    expect(await up.line()).toBe('ready');
    expect((await up.end('SIGINT')).code).toBe(0);
  });

  test('a launcher that is killed outright takes the mesh with it', async () => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    const script = `
      import { spawn } from 'node:child_process';
      const child = spawn(process.execPath, ['cli/main.ts', 'up', '--config', process.argv[1]], {
        stdio: ['ignore', 'inherit', 'ignore', 'pipe'], env: { ...process.env, GARRISON_LAUNCHER_FD: '3' } });
      setInterval(() => undefined, 1000);`;
    const program = [process.execPath, '--input-type=module', '--eval', script, path.join(folder, 'garrison.yaml')];
    await using up = new Command([], { cwd: process.cwd(), program });
    expect(await up.line()).toBe('ready');
    up.child.kill('SIGKILL');
    // Standard output closes when the last process that holds it is gone.
    await up.ended();
  });
});

describe('each service as a process of its own', () => {
  test('they find each other by the state folder', async () => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    await using ca = new Command(['ca'], { cwd: folder });
    expect(await ca.line()).toBe('ready');
    await using authz = new Command(['authz'], { cwd: folder });
    await using telemetry = new Command(['telemetry'], { cwd: folder });
    expect(await Promise.all([authz.line(), telemetry.line()])).toEqual(['ready', 'ready']);
    expect(
      Object.keys(JSON.parse(readFileSync(path.join(folder, '.garrison/addresses.json'), 'utf8')) as object).sort(),
    ).toEqual([...names].sort());
    expect((await run(['status'], folder)).code).toBe(0);
    for (const one of [telemetry, authz, ca]) expect((await one.end()).code).toBe(0);
  });
});

describe('what can be wrong at the start ends with exit 2 and a sentence that says what to do', () => {
  test('a port in use', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await once(taken, 'listening');
    const { port } = taken.address() as AddressInfo;
    const folder = folderWith({
      'garrison.yaml': anyPorts.replace('authz: { listen: 127.0.0.1:0', `authz: { listen: 127.0.0.1:${port}`),
    });
    const { code, stderr, stdout } = await run(['up', '--output', 'json'], folder);
    taken.close();
    expect(code).toBe(2);
    expect(JSON.parse(stdout)).toMatchObject({ error: { code: 'FAILED_PRECONDITION', place: 'authz.listen' } });
    expect(stderr).toContain(
      `garrison: authz.listen: port ${port} of \`127.0.0.1\` is taken by another process; ` +
        'stop that process or choose another address with the setting `authz.listen`\n',
    );
  });

  test('a state folder that cannot be one', async () => {
    const folder = folderWith({ file: '', 'garrison.yaml': `state: ./file\n${anyPorts}` });
    const { code, stderr } = await run(['up'], folder);
    expect(code).toBe(2);
    expect(stderr).toMatch(/^garrison: state: cannot keep state in `.*\/file` \(EEXIST\); make it a folder /);
  });

  test.each(['audit.db', 'ca/ledger.db'])('a damaged database: %s', async (name) => {
    const folder = folderWith({ 'garrison.yaml': anyPorts });
    expect((await run(['up', '--once'], folder)).code).toBe(0);
    const file = path.join(folder, '.garrison', name);
    expect(existsSync(file)).toBe(true);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, 'garbage '.repeat(2000));
    for (const side of ['-wal', '-shm']) writeFileSync(file + side, '');
    const { code, stderr } = await run(['up', '--once'], folder);
    expect(code).toBe(2);
    expect(stderr).toContain(`the database \`${file}\` is damaged`);
    expect(stderr).toContain('put a backup in its place, or move it away to start with an empty one');
  });

  test('a configuration with faults names each of them with its place', async () => {
    const folder = folderWith({ 'garrison.yaml': 'trustDomian: a\nauthz: { local: "0.0.0.0:1" }\n' });
    const { code, stderr } = await run(['up'], folder);
    expect(code).toBe(2);
    expect(stderr).toContain('garrison.yaml:1:1: ');
    expect(stderr).toContain('did you mean `trustDomain`?');
    expect(stderr).toContain('garrison.yaml:2:17: authz.local: plaintext is served on this host only');
  });

  test('a configuration that is not there; a sidecar without one', async () => {
    const folder = folderWith({});
    expect(await run(['up', '--config', 'nowhere.yaml'], folder)).toMatchObject({
      code: 2,
      stderr: `garrison: there is no file \`${folder}/nowhere.yaml\`; create it, or name another with \`--config\`\n`,
    });
    expect((await run(['sidecar'], folder)).stderr).toContain('`--config` is missing');
  });

  test('policies with a fault: nothing is said to be ready, and the fault is told', async () => {
    const folder = folderWith({ 'garrison.yaml': `policies: [ ./p.yaml ]\n${anyPorts}`, 'p.yaml': 'kind: Nothing\n' });
    await using up = new Command(['up'], { cwd: folder });
    const said = new Promise<string>((resolve) => {
      let all = '';
      up.child.stderr?.on('data', (chunk: Buffer) => {
        all += chunk.toString();
        if (all.includes('p.yaml:1:')) resolve(all);
      });
    });
    expect(await said).toContain('p.yaml:1:');
    const { code, stdout } = await up.end();
    expect({ code, stdout }).toEqual({ code: 0, stdout: '' });
  });

  test('--once with such policies says no instead of waiting for better ones', async () => {
    const folder = folderWith({ 'garrison.yaml': `policies: [ ./p.yaml ]\n${anyPorts}`, 'p.yaml': 'kind: Nothing\n' });
    const { code, stdout, stderr } = await run(['up', '--once'], folder);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('p.yaml:1:');
  });

  test('a state folder that another mesh uses, whatever its ports and sockets', async () => {
    const folder = folderWith({
      'garrison.yaml': anyPorts,
      'other.yaml': anyPorts.replace('ca: {', 'ca: { workloadApi: ./w.sock,'),
    });
    await using up = new Command(['up'], { cwd: folder });
    expect(await up.line()).toBe('ready');
    const { code, stderr } = await run(['up', '--once', '--config', 'other.yaml'], folder);
    expect(code).toBe(2);
    expect(stderr).toContain(`garrison: state: another process uses the folder \`${folder}/.garrison/ca\``);
  });
});
