import { lstatSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';

const mostLinks = 40;

/**
 * Where a path of a container lies on the node, with every link followed as the container would see it: none leads out of `root`.
 * Undefined: it is not there. Only for a root in which nothing runs yet.
 */
export function pathWithin(root: string, path: string): string | undefined {
  let left = path.split('/').filter((part) => part !== '' && part !== '.');
  let done: string[] = [];
  for (let links = 0; left.length > 0;) {
    const [part = '', ...rest] = left;
    left = rest;
    if (part === '..') {
      done = done.slice(0, -1);
      continue;
    }
    const here = join(root, ...done, part);
    let isLink: boolean;
    try {
      isLink = lstatSync(here).isSymbolicLink();
    } catch {
      return undefined;
    }
    if (!isLink) {
      done = [...done, part];
      continue;
    }
    if (++links > mostLinks) return undefined;
    const target = readlinkSync(here);
    if (target.startsWith('/')) done = [];
    left = [...target.split('/').filter((each) => each !== '' && each !== '.'), ...left];
  }
  return join(root, ...done);
}
