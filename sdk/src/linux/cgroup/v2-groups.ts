import { dirname, join } from 'node:path';
import { makeGroup, readGroupFile, writeGroupFile } from './files.ts';

/**
 * Makes a group in the one tree of cgroup v2. A controller must be handed down by every group above; a group that does so
 * cannot hold processes itself.
 */
export function makeGroups(root: string, path: string, controllers: readonly string[]): void {
  const group = join(root, path);
  const wanted = controllers.map((name) => `+${name}`).join(' ');
  if (handsDown(dirname(group), controllers)) {
    makeGroup(group);
    return;
  }
  let above = root;
  for (const name of path.split('/')) {
    if (!handsDown(above, controllers)) writeGroupFile(join(above, 'cgroup.subtree_control'), wanted);
    above = join(above, name);
    makeGroup(above);
  }
}

function handsDown(group: string, controllers: readonly string[]): boolean {
  const given = (readGroupFile(join(group, 'cgroup.subtree_control')) ?? '').split(' ');
  return controllers.every((name) => given.includes(name));
}

export function offeredControllers(root: string): readonly string[] {
  return (readGroupFile(join(root, 'cgroup.controllers')) ?? '').split(' ').filter((name) => name !== '');
}
