import { describe, expect, test } from '@jest/globals';
import { Circuit } from '#services/authz/providers/circuit.ts';
import { ManualClock } from '#test/fakes/manual-clock.ts';

function broken(): { circuit: Circuit; clock: ManualClock } {
  const clock = new ManualClock();
  const circuit = new Circuit(clock, () => 1);
  for (let i = 0; i < 5; i++) circuit.failed();
  return { circuit, clock };
}

describe('a circuit', () => {
  test('stays closed while answers come between failures', () => {
    const circuit = new Circuit(new ManualClock(), () => 1);
    for (let i = 0; i < 20; i++) {
      circuit.failed();
      circuit.failed();
      circuit.answered();
    }
    expect(circuit.enter()).toBe(true);
  });

  test('opens after five failures in a row; then one question at a time tries', () => {
    const { circuit, clock } = broken();
    expect(circuit.enter()).toBe(false);
    clock.advance(1000);
    expect([circuit.enter(), circuit.enter()]).toEqual([true, false]);
    circuit.answered();
    expect([circuit.enter(), circuit.enter()]).toEqual([true, true]);
  });

  test('waits longer after each attempt that fails, but never longer than ten seconds', () => {
    const { circuit, clock } = broken();
    clock.advance(1000);
    circuit.enter();
    circuit.failed();
    clock.advance(1999);
    expect(circuit.enter()).toBe(false);
    clock.advance(1);
    for (let i = 0; i < 10; i++) {
      expect(circuit.enter()).toBe(true);
      circuit.failed();
      clock.advance(10_000);
    }
    expect(circuit.enter()).toBe(true);
  });

  test('a question that could not be put leaves it as it was', () => {
    const { circuit, clock } = broken();
    clock.advance(1000);
    circuit.enter();
    circuit.notAsked();
    expect(circuit.open).toBe(true);
    expect(circuit.enter()).toBe(true);
  });
});
