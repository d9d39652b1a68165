import { describe, expect, test } from '@jest/globals';
import { readConfigText } from '#runtime/config/read-config-file.ts';
import { caShape } from '#runtime/config/service-config.ts';
import { showConfig } from '#runtime/config/show-config.ts';

const read = (text: string) => readConfigText(caShape('/etc/garrison'), text, 'garrison.yaml');

describe('where the authority’s keys and certificates come from', () => {
  test('files, and a root of its own, where nothing is said', () => {
    const { keys, pluggedIn, upstream, blockedKeys } = read('{}');
    expect(keys).toEqual({ kind: 'file' });
    expect([pluggedIn, upstream, blockedKeys]).toEqual([undefined, undefined, undefined]);
  });

  test('a token, by label or slot, with its PIN in a file or in the environment', () => {
    expect(read('keys: { kind: pkcs11, module: ./p11.so, token: mesh, pin: ./pin }').keys).toEqual({
      kind: 'pkcs11',
      module: '/etc/garrison/p11.so',
      token: { label: 'mesh' },
      pin: { file: '/etc/garrison/pin' },
    });
    expect(read('keys: { kind: pkcs11, module: /p11.so, slot: 3, pinVariable: PIN }').keys).toMatchObject({
      token: { slot: 3 },
      pin: { variable: 'PIN' },
    });
  });

  test('an authority above, in files or reached over the network', () => {
    expect(read('upstream: { disk: { certificate: a.pem, key: k.pem } }').upstream).toEqual({
      disk: { certificate: '/etc/garrison/a.pem', key: '/etc/garrison/k.pem', bundle: undefined },
    });
    expect(read('upstream: { spiffe: { address: "ca:15012", token: ./token } }').upstream).toEqual({
      spiffe: { address: { host: 'ca', port: 15_012 }, identity: { token: '/etc/garrison/token' } },
    });
    const local = read(
      'upstream: { spiffe: { address: "ca:15012", workloadApi: ./w.sock, spiffeId: "spiffe://a/b" } }',
    );
    expect(local.upstream).toMatchObject({
      spiffe: { identity: { workloadApi: '/etc/garrison/w.sock', spiffeId: 'spiffe://a/b' } },
    });
    expect(JSON.stringify(showConfig(local))).toContain('"address":"ca:15012"');
  });

  test.each([
    ['keys: { kind: tpm }', /file/],
    ['keys: { kind: pkcs11, token: mesh, pin: ./pin }', /no library is named/],
    ['keys: { kind: pkcs11, module: /p11.so, pin: ./pin }', /by its label or by its slot/],
    ['keys: { kind: pkcs11, module: /p11.so, token: mesh, slot: 1, pin: ./pin }', /by its label or by its slot/],
    ['keys: { kind: pkcs11, module: /p11.so, token: mesh }', /a file or from the environment/],
    ['keys: { kind: file, module: /p11.so }', /keys in files have none/],
    ['upstream: {}', /one authority is above/],
    ['upstream: { disk: { certificate: a, key: b }, spiffe: { address: "a:1", token: t } }', /one authority is above/],
    ['upstream: { disk: { certificate: a } }', /key/],
    ['upstream: { spiffe: { address: "a:1" } }', /proves itself/],
    ['upstream: { spiffe: { address: "a:1", token: t, workloadApi: w } }', /proves itself/],
    ['pluggedin: ./cacerts', /unknown key/],
  ])('%s is refused', (text, why) => {
    expect(() => read(text)).toThrow(why);
  });
});
