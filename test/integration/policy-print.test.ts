import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { wasmCedar } from '#policies/cedar/wasm-engine.ts';

const garrison = path.resolve(import.meta.dirname, '../../bin/garrison.js');

const readers = `apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: { name: readers, namespace: shop }
spec: { rules: [{ from: [{ source: { namespaces: [web] } }], to: [{ operation: { methods: [GET] } }] }] }
`;
const watched = readers.replace('readers', 'watched').replace('spec: {', 'spec: { action: AUDIT,');

let cwd = '';
beforeAll(() => {
  cwd = mkdtempSync(path.join(tmpdir(), 'garrison-print-'));
  writeFileSync(path.join(cwd, 'readers.yaml'), readers);
  writeFileSync(path.join(cwd, 'both.yaml'), `${readers}---\n${watched}`);
  writeFileSync(path.join(cwd, 'broken.yaml'), readers.replace('GET', '""'));
});
afterAll(() => {
  rmSync(cwd, { recursive: true });
});

function print(...args: string[]): { code: number | null; out: string; err: string } {
  const ran = spawnSync(process.execPath, [garrison, 'policy', 'print', ...args], { cwd, encoding: 'utf8' });
  return { code: ran.status, out: ran.stdout, err: ran.stderr };
}

describe('garrison policy print', () => {
  test('prints what Cedar reads, and nothing to mind', () => {
    const { code, out, err } = print('--as', 'cedar', 'readers.yaml');
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toContain('@policy("shop/readers")');
    expect(wasmCedar().validate(out)).toEqual([]);
  });

  test('what cannot be said is told beside the text, and is no success', () => {
    const { code, out, err } = print('--as', 'cedar', 'both.yaml');
    expect(code).toBe(1);
    expect(out).toContain('// shop/watched is left out');
    expect(err).toBe('not said: shop/watched: spec.action: Cedar permits and forbids; it has nothing that is AUDIT\n');
  });

  test('as JSON: the text and its limits', () => {
    const { code, out } = print('--as', 'cedar', 'both.yaml', '--output', 'json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toEqual({
      text: expect.stringContaining('permit'),
      limits: [{ field: 'shop/watched: spec.action', reason: expect.stringContaining('AUDIT') }],
    });
  });

  test('the schema needs no documents', () => {
    const { code, out } = print('--as', 'cedar-schema');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ '': { actions: { http: {}, grpc: {}, tcp: {} } } });
  });

  test.each([
    ['an unknown language', ['--as', 'rego', 'readers.yaml'], '`rego` is not a language'],
    ['no documents', ['--as', 'cedar'], 'no documents are named'],
    ['documents with faults', ['--as', 'cedar', 'broken.yaml'], 'broken.yaml:4:'],
    ['a file that is not there', ['--as', 'cedar', 'absent.yaml'], 'absent.yaml'],
  ])('%s cannot be done', (_what, args, told) => {
    const { code, err } = print(...args);
    expect(code).toBe(2);
    expect(err).toContain(told);
  });
});
