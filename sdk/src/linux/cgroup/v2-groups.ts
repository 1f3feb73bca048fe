import { dirname, join } from 'node:path';
import { errorCode } from '../../kernel/index.ts';
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
    if (!handsDown(above, controllers)) handDown(above, wanted);
    above = join(above, name);
    makeGroup(above);
  }
}

function handDown(group: string, controllers: string): void {
  try {
    writeGroupFile(join(group, 'cgroup.subtree_control'), controllers);
  } catch (error) {
    if (errorCode((error as Error).cause) !== 'EBUSY') throw error;
    const why = `the control group ${group} holds processes, so that none within can have limits`;
    throw new Error(`${why}: move them into a group of their own, or set cgroupParent to a group without`, {
      cause: error,
    });
  }
}

function handsDown(group: string, controllers: readonly string[]): boolean {
  const given = (readGroupFile(join(group, 'cgroup.subtree_control')) ?? '').split(' ');
  return controllers.every((name) => given.includes(name));
}

export function offeredControllers(root: string): readonly string[] {
  return (readGroupFile(join(root, 'cgroup.controllers')) ?? '').split(' ').filter((name) => name !== '');
}
