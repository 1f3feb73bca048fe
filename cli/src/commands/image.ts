import type { Command } from 'commander';
import { addArchives } from './image/archives.ts';
import { addInventory } from './image/inventory.ts';
import { addTransfer } from './image/transfer.ts';

export function addImage(program: Command): void {
  const image = program.command('image').description("The node's images");
  addTransfer(image);
  addInventory(image);
  addArchives(image);
}
