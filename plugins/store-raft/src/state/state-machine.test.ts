import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { packCommand, unpackCommand, type Command } from '../command.ts';
import { StateFile } from './state-file.ts';
import { StateMachine } from './state-machine.ts';

describe('StateMachine', () => {
  let dataDir = '';
  let machine: StateMachine;
  let index = 0;
  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'timonel-machine-'));
    const configuration = { voters: ['a'], outgoing: [], learners: [], addresses: {} };
    machine = new StateMachine(new StateFile(join(dataDir, 'state.mdb')), configuration);
    index = 0;
  });
  afterEach(async () => {
    await machine.file.close();
    await rm(dataDir, { recursive: true });
  });

  const apply = (command: Command, term: number) =>
    machine.apply({ type: 'command', index: ++index, term, data: packCommand(command) }).applied;

  it('ends a lease only in the log of the term whose leader found it run out', () => {
    apply({ type: 'grantLease', ttlMs: 1_000 }, 2);
    expect(apply({ type: 'expireLease', leaseId: 1, term: 2 }, 3)).toEqual({ type: 'done' });
    expect(machine.leases()).toHaveLength(1);
    expect(apply({ type: 'expireLease', leaseId: 1, term: 3 }, 3)).toEqual({ type: 'done' });
    expect(machine.leases()).toEqual([]);
    expect(apply({ type: 'expireLease', leaseId: 1, term: 3 }, 3)).toMatchObject({ type: 'refused' });
  });

  it.each<Command>([
    { type: 'grantLease', ttlMs: 1.5 },
    { type: 'revokeLease', leaseId: 7 },
    { type: 'expireLease', leaseId: 7, term: 9 },
    { type: 'compact', revision: 2 ** 40 },
  ])('reads from the log what was written to it: %j', (command) => {
    expect(unpackCommand(packCommand(command))).toEqual(command);
  });
});
