import type { Command } from 'commander';
import { addGroupCommands } from './store-group.ts';
import { addSnapshotCommands } from './store-snapshot.ts';

export function addStore(program: Command): void {
  const store = program.command('store').description('The store of a cluster: members, checks, copies');
  addGroupCommands(store);
  addSnapshotCommands(store);
}
