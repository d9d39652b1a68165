import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { toBundleDocument } from '#ca/bundle/write-bundle.ts';
import { parseSpiffeId, parseTrustDomain } from '#ca/spiffe-id.ts';
import type { GarrisonError } from '#proto/errors/index.ts';
import type { FederationConfig, FederationEndpoint } from '#runtime/config/federation-config.ts';
import { systemClock } from '#runtime/clock.ts';
import { createLogger, silentLogger } from '#runtime/logger.ts';
import { secureContextOptions } from '#runtime/tls.ts';
import { StateFolder } from '#runtime/state-folder.ts';
import { KeptBundles } from '#services/ca/federation/kept-bundle.ts';
import { Relationship, type RelationshipOptions } from '#services/ca/federation/relationship.ts';
import { TestPki } from '#test/fakes/mesh-pki.ts';
import { OpensslAuthority } from '#test/fakes/openssl-authority.ts';
import { webCertificate, type WebFiles } from '#test/fakes/web-certificate.ts';
import { X509Certificate } from 'node:crypto';

const folder = mkdtempSync(join(tmpdir(), 'gfc-'));
const trustDomain = parseTrustDomain('other.test');
const authority = new OpensslAuthority();
const parent = authority.root('corp', 'ec');
const corp = new X509Certificate(parent.certificate).raw;
let web: WebFiles;
let pki: TestPki;
let byName: Server;
let byId: Server;
let answer: (response: ServerResponse, path: string) => void;
let told: string[];
let state: StateFolder;

/** A root that names a trust domain as SPIRE's do, and one that names none. */
const rootOf = (uri: string): Buffer => new X509Certificate(authority.under(parent, 'named', { uri }).certificate).raw;
const documentOf = (roots: readonly Uint8Array[], sequence: number, refreshHintSeconds = 60): string =>
  JSON.stringify(toBundleDocument({ trustDomain, roots, jwtKeys: [], sequence, refreshHintSeconds }));
const bundle = (sequence: number): string => JSON.stringify({ keys: [], spiffe_sequence: sequence });
const says =
  (text: string | Buffer, status = 200) =>
  (response: ServerResponse): void => {
    response.writeHead(status).end(text);
  };
const redirects =
  (to: string, status = 302) =>
  (response: ServerResponse, path: string): void => {
    if (path === '/there') response.end(bundle(5));
    else response.writeHead(status, { location: to }).end();
  };

beforeAll(async () => {
  web = webCertificate(folder);
  pki = await TestPki.create();
  const identity = await pki.identity('spiffe://other.test/endpoint');
  const serve = async (options: object): Promise<Server> => {
    const server = createServer(options, (request, response) => answer(response, request.url ?? ''));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return server;
  };
  byName = await serve({ cert: readFileSync(web.certificate), key: readFileSync(web.key) });
  byId = await serve(secureContextOptions(identity));
});
afterAll(() => {
  for (const server of [byName, byId]) {
    server.close();
    server.closeAllConnections();
  }
  rmSync(folder, { recursive: true });
  authority[Symbol.dispose]();
});
beforeEach(() => {
  told = [];
  state = StateFolder.open(mkdtempSync(join(folder, 's-')));
});

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

function relationship(
  endpoint: FederationEndpoint,
  more: Partial<RelationshipOptions> = {},
  file?: string,
): Relationship {
  const config: FederationConfig = { trustDomain, endpoint, bundle: file, refreshMs: undefined };
  return new Relationship(config, {
    kept: new KeptBundles(state),
    rootsOf: () => pki.bundle.map((pem) => new X509Certificate(pem).raw),
    clock: systemClock,
    logger: silentLogger,
    random: () => 0.5,
    signal: new AbortController().signal,
    onChange: () => told.push('changed'),
    onFetched: (_, outcome) => told.push(outcome),
    ...more,
  });
}

const webEndpoint = (host = '127.0.0.1'): FederationEndpoint => ({
  profile: 'https_web',
  url: new URL(`https://${host}:${portOf(byName)}/`),
  authorities: web.authorityFile,
});
const spiffeEndpoint = (id = 'spiffe://other.test/endpoint'): FederationEndpoint => ({
  profile: 'https_spiffe',
  url: new URL(`https://127.0.0.1:${portOf(byId)}/`),
  endpointSpiffeId: parseSpiffeId(id),
});

describe('a bundle endpoint', () => {
  test('is believed by a certificate for its name, or by the SVID that was configured', async () => {
    answer = says(bundle(1));
    for (const endpoint of [webEndpoint(), webEndpoint('localhost'), spiffeEndpoint()]) {
      const one = relationship(endpoint);
      await one.refresh();
      expect(one.current).toMatchObject({ from: 'endpoint', document: { sequence: 1n } });
    }
    expect(told).toEqual(['changed', 'new', 'new', 'new'].slice(0, 2).concat('same', 'same'));
  });

  test.each<[string, () => FederationEndpoint, Partial<RelationshipOptions>, RegExp]>([
    [
      'of another identity',
      () => spiffeEndpoint('spiffe://other.test/else'),
      {},
      /is `spiffe:\/\/other.test\/endpoint`/,
    ],
    ['under a root that is not known', spiffeEndpoint, { rootsOf: () => [Buffer.alloc(0)] }, /./],
    ['without any root to verify it with', spiffeEndpoint, { rootsOf: () => undefined }, /no root to verify/],
    [
      'whose authority nobody trusts',
      () => ({ ...webEndpoint(), authorities: undefined }) as FederationEndpoint,
      {},
      /certificate/,
    ],
    [
      'by its SVID where a name was asked for',
      () => ({ ...webEndpoint(), url: spiffeEndpoint().url }),
      {},
      /certificate/,
    ],
    ['by a name that is not its own', () => webEndpoint('127.0.0.2'), {}, /127\.0\.0\.2/],
  ])('is not believed: %s', async (_, endpoint, more, reason) => {
    answer = says(bundle(1));
    const one = relationship(endpoint(), more);
    await expect(one.refresh()).rejects.toThrow(reason);
    expect(one.current).toBeUndefined();
    expect(one.failure?.message).toMatch(reason);
    expect(told).toEqual(['failed']);
  });

  test('may send on to another place under the same rules, a few times, and never inside', async () => {
    answer = redirects('/there');
    const followed = relationship(webEndpoint());
    await followed.refresh();
    expect(followed.current?.document.sequence).toBe(5n);
    const refused: readonly [string, RegExp][] = [
      ['/again', /redirects more than/],
      [`http://127.0.0.1:${portOf(byName)}/there`, /from https to http/],
      ['https://user:secret@127.0.0.1/', /no http or https URL/],
      [`https://127.0.0.3:${portOf(byName)}/there`, /not fetched from `127\.0\.0\.3`/],
      ['https://169.254.169.254/latest', /not fetched from `169\.254\.169\.254`/],
      ['https://[::1]/', /not fetched from `::1`/],
      ['https://10.0.0.1/', /not fetched from `10\.0\.0\.1`/],
      // The same rules: a certificate for a name does not become an SVID on the way.
      [`https://127.0.0.1:${portOf(byId)}/there`, /certificate/],
    ];
    for (const [to, reason] of refused) {
      answer = redirects(to, 301);
      await expect(relationship(webEndpoint()).refresh()).rejects.toThrow(reason);
    }
  });

  test('is told of with what to do about it, and without what only Node or a debugger knows', async () => {
    const lines: string[] = [];
    const logger = createLogger({ write: (line) => lines.push(line) });
    const why = async (
      endpoint: FederationEndpoint,
      more: Partial<RelationshipOptions> = {},
    ): Promise<GarrisonError> => {
      const asked = relationship(endpoint, { logger, ...more }).refresh();
      return asked.then(
        () => Promise.reject(new Error('it was taken')),
        (error: unknown) => error as GarrisonError,
      );
    };
    const nowhere = { ...webEndpoint(), authorities: undefined } as FederationEndpoint;
    answer = says(bundle(1));
    expect(await why(nowhere)).toMatchObject({
      message: `\`https://127.0.0.1:${portOf(byName)}/\` cannot be asked: unable to verify the first certificate`,
      remedy: expect.stringContaining('`authorities`'),
    });
    expect(await why(spiffeEndpoint(), { rootsOf: () => [corp] })).toMatchObject({
      remedy: expect.stringContaining('garrison identity bundle set'),
    });
    expect((await why({ ...webEndpoint(), url: new URL('https://127.0.0.1:1/') })).message).toMatch(
      /cannot be asked: connect ECONNREFUSED 127.0.0.1:1$/,
    );
    answer = redirects('https://127.0.0.3/');
    expect(await why(webEndpoint())).toMatchObject({
      message: expect.stringMatching(
        /^`https:\/\/127.0.0.1:\d+\/` redirects: keys are not fetched from `127\.0\.0\.3`/,
      ),
      remedy: expect.stringContaining('`url`'),
    });
    answer = says('<html>');
    expect((await why(webEndpoint())).describe()).toMatch(/^https:\/\/127.0.0.1:\d+\/: the document is no JSON/);
    expect(lines).toHaveLength(5);
    for (const line of lines) expect(line).not.toMatch(/stack|use-system-ca|in `ca\.federation`/);
  });

  test('that is away, broken or rolled back takes nothing away', async () => {
    answer = says(bundle(9));
    const one = relationship(webEndpoint());
    await one.refresh();
    const bad: readonly [(response: ServerResponse, path: string) => void, RegExp][] = [
      [says(bundle(10), 500), /status 500/],
      [says('<html>'), /no JSON/],
      [says('{"keys":[],"keys":[]}'), /twice/],
      [says(Buffer.from([0x7b, 0xff, 0x7d])), /UTF-8/],
      [says(' '.repeat(1_100_000)), /1 MiB/],
      [says(bundle(8)), /went back from 9 to 8/],
      [(response) => response.writeHead(200, { 'content-length': 100 }).write('{'), /./],
      [(response) => response.destroy(), /./],
    ];
    for (const [next, reason] of bad) {
      answer = (response, path) => {
        next(response, path);
        setTimeout(() => response.destroy(), 50);
      };
      await expect(one.refresh()).rejects.toThrow(reason);
      expect(one.current?.document.sequence).toBe(9n);
    }
    answer = says(bundle(10));
    await one.refresh();
    expect(one.failure).toBeUndefined();
    // And over a restart.
    expect(relationship(webEndpoint()).current).toMatchObject({ from: 'endpoint', document: { sequence: 10n } });
    one.set(Buffer.from(bundle(2)));
    expect(relationship(webEndpoint()).current).toMatchObject({ from: 'operator', document: { sequence: 2n } });
  });

  test('that leaves its sequence out, or says other things under the same one, brings nothing back', async () => {
    const root = rootOf('spiffe://other.test');
    const unnumbered = JSON.stringify({ keys: [] });
    answer = says(unnumbered);
    const one = relationship(webEndpoint());
    await one.refresh();
    await one.refresh();
    answer = says(documentOf([root], 12));
    await one.refresh();
    for (const over of [() => one, () => relationship(webEndpoint())]) {
      const asking = over();
      const refused: readonly [string, RegExp][] = [
        [unnumbered, /came without `spiffe_sequence`, after one with 12/],
        [bundle(1), /went back from 12 to 1/],
        [documentOf([rootOf('spiffe://other.test')], 12), /other keys under the same `spiffe_sequence`, 12/],
        [documentOf([], 12), /other keys under the same `spiffe_sequence`, 12/],
      ];
      for (const [next, reason] of refused) {
        answer = says(next);
        await expect(asking.refresh()).rejects.toMatchObject({
          message: expect.stringMatching(reason),
          remedy: expect.stringContaining('garrison identity bundle set'),
        });
        expect(asking.current?.document).toMatchObject({ sequence: 12n, roots: [root] });
      }
    }
    // The same keys told in another way are the same keys.
    answer = says(documentOf([root], 12, 7));
    await one.refresh();
    expect(one.current?.document.refreshHintSeconds).toBe(7);
    // An operator may begin anew, with or without a number.
    one.set(Buffer.from(unnumbered));
    answer = says(bundle(3));
    await one.refresh();
    expect(one.current?.document.sequence).toBe(3n);
  });

  test('that shows a root of another trust domain is refused whole, and so is a file that does', async () => {
    const [own, foreign] = [rootOf('spiffe://other.test'), rootOf('spiffe://elsewhere.test')];
    answer = says(documentOf([corp], 1));
    const [web, svid] = [relationship(webEndpoint()), relationship(spiffeEndpoint())];
    await Promise.all([web.refresh(), svid.refresh()]);
    for (const roots of [[foreign], [own, foreign], [corp, foreign], [rootOf('SPIFFE://other.test')]]) {
      const text = documentOf(roots, 2);
      answer = says(text);
      for (const one of [web, svid]) {
        await expect(one.refresh()).rejects.toThrow(/has a root of `spiffe:\/\/(elsewhere|other)\.test`/i);
        expect(one.current?.document.roots).toEqual([corp]);
      }
      const file = join(folder, 'given.json');
      writeFileSync(file, text);
      expect(() => relationship(webEndpoint(), {}, file)).toThrow(/has a root of/);
    }
    answer = says(documentOf([own, corp], 2));
    await web.refresh();
    expect(web.current?.document.roots).toHaveLength(2);
    // What was kept before anybody looked at the names is as good as nothing.
    const kept = { from: 'endpoint', at: new Date().toISOString(), text: documentOf([foreign], 3) };
    state.write('ca/federation/other.test.json', JSON.stringify(kept), 0o644);
    expect(relationship(webEndpoint()).current).toBeUndefined();
  });

  test('that never answers is given up in time', async () => {
    answer = () => undefined;
    const waits: number[] = [];
    const clock = { ...systemClock, sleep: (ms: number) => (waits.push(ms), Promise.resolve()) };
    await expect(relationship(webEndpoint(), { clock }).refresh()).rejects.toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      message: `\`https://127.0.0.1:${portOf(byName)}/\` cannot be asked: no answer within 10000 ms`,
    });
    expect(waits).toEqual([10_000]);
  });

  test('is asked as often as its bundle says, with jitter; more often only until its first answer', async () => {
    const stop = new AbortController();
    const waits: number[] = [];
    const sleep = (ms: number, signal?: AbortSignal): Promise<void> => {
      // The deadline of one asking is none of these.
      if (ms === 10_000) return systemClock.sleep(ms, signal);
      waits.push(Math.round(ms));
      if (waits.length === 3) answer = says(JSON.stringify({ keys: [], spiffe_refresh_hint: 60 }));
      if (waits.length === 4) answer = says('', 503);
      if (waits.length === 6) stop.abort();
      return Promise.resolve();
    };
    answer = says('', 503);
    const clock = { ...systemClock, sleep };
    const randoms = [0, 1, 0.5, 0, 1, 0.5];
    const one = relationship(webEndpoint(), { clock, signal: stop.signal, random: () => randoms.shift() ?? 0.5 });
    await one.follow();
    expect(waits).toEqual([900, 2200, 4000, 54_000, 66_000, 60_000]);
  });
});
