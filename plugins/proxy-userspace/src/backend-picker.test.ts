import { expect, it } from '@jest/globals';
import { createSimulatedEnv } from '@timonel/core';
import { BackendPicker } from './backend-picker.ts';

it('clients are judged by the ranges of their family, beside which others may stand', () => {
  const picker = new BackendPicker(createSimulatedEnv({ seed: 1 }));
  const backend = { address: '10.1.0.2', port: 80, nodeName: undefined };
  picker.update([backend], undefined);
  const served = (sources: readonly string[], ...clients: string[]): boolean[] => {
    picker.restrict(sources);
    return clients.map((client) => picker.attempts(client).next() !== undefined);
  };
  expect(served(['10.0.0.0/8', '2001:db8::/48'], '10.2.3.4', '192.0.2.1')).toEqual([true, false]);
  expect(served(['0.0.0.0/0', '2001:db8::/48'], '192.0.2.1')).toEqual([true]);
  expect(served(['2001:db8::/48'], '10.2.3.4', '2001:db8::7', '2001:db9::7')).toEqual([false, true, false]);
});
