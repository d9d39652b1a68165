import { describe, expect, test } from '@jest/globals';
import { revisionText, statusText } from '#cli/status-text.ts';

const at = '2026-01-02T03:04:05.000Z';

describe('the status of a process, as people read it', () => {
  test('an authority has a line of its own, and what is empty is none', () => {
    const authority = { id: 'a1', state: 'active', since: at, signs: true, rootExpires: at, issuingExpires: at };
    const lines = statusText({
      trustDomain: 'example.org',
      registrations: null,
      agents: [],
      authoritiesFrom: { kind: 'own' },
      authorities: [authority, { ...authority, id: 'a2', state: 'old', signs: false }],
    });
    expect(lines).toEqual([
      '  trust domain: example.org',
      '  registrations: none',
      '  agents: none',
      '  authorities from: kind own',
      '  authorities:',
      `    a1: state active, since ${at}, signs yes, root expires ${at}, issuing expires ${at}`,
      `    a2: state old, since ${at}, signs no, root expires ${at}, issuing expires ${at}`,
    ]);
  });

  test('what others chose obeys no terminal', () => {
    expect(statusText({ agents: [{ spiffeId: 'spiffe://a/\u001b[2J', entries: 1 }] })).toEqual([
      '  agents:',
      String.raw`    spiffe://a/\u001b[2J: entries 1`,
    ]);
  });
});

describe('a revision', () => {
  test('of policies: since when, and why the newest was refused', () => {
    expect(revisionText({ revision: 3, activated: at })).toEqual([`  revision: 3, since ${at}`]);
    const refusal = { at, faults: [{ text: 'a.yaml:1: no' }] };
    expect(revisionText({ revision: null, activated: null, refusal })).toEqual([
      '  revision: none, since never',
      `  refused at ${at}:`,
      '    a.yaml:1: no',
    ]);
  });

  test('of trust has no time of its own', () => {
    expect(revisionText({ revision: 1, roots: [{ hash: 'ab12', tainted: false }] })).toEqual([
      '  revision: 1',
      '  roots:',
      '    ab12: tainted no',
    ]);
  });
});
