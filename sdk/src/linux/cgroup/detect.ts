import { accessSync, constants, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { isRootless } from '../id-map.ts';
import { sayOnce, type CgroupDriver } from './driver.ts';
import { cgroupV1, type V1Further } from './v1.ts';
import { offeredControllers } from './v2-groups.ts';
import { cgroupV2 } from './v2.ts';

const wanted = ['memory', 'cpu', 'pids'] as const;

/** Either the driver for this node, or why there is none. */
export type CgroupDetection =
  | { readonly driver: CgroupDriver }
  | { readonly driver: undefined; readonly missing: readonly string[] };

interface CgroupMount {
  readonly point: string;
  readonly type: string;
  readonly controllers: readonly string[];
}

const mountInfoFile = '/proc/self/mountinfo';

/**
 * Looks at what is mounted: v2 when its one tree has the controllers (also beside v1), else v1. `say`: told once of each thing
 * that is left out because this kernel lacks it.
 * Where an ordinary user was handed down no groups of its own, there are none.
 */
export function detectCgroups(
  mountInfo: string = readFileSync(mountInfoFile, 'utf8'),
  say: (what: string) => void = () => {},
): CgroupDetection {
  const mounts = mountInfo.split('\n').flatMap(parseMount);
  for (const mount of mounts.filter((each) => each.type === 'cgroup2')) {
    const offered = offeredControllers(mount.point);
    const isOurs = !isRootless() || isWritable(join(mount.point, 'cgroup.subtree_control'));
    if (isOurs && wanted.every((name) => offered.includes(name))) return { driver: cgroupV2(mount.point) };
  }
  const at = (name: string): string | undefined => mounts.find((each) => each.controllers.includes(name))?.point;
  const [memory, cpu, pids] = [at('memory'), at('cpu'), at('pids')];
  const cpuacct = at('cpuacct');
  if (memory === undefined || cpu === undefined || pids === undefined || cpuacct === undefined) {
    return { driver: undefined, missing: [...wanted, 'cpuacct'].filter((name) => at(name) === undefined) };
  }
  if (isRootless() && !isWritable(memory)) return { driver: undefined, missing: [...wanted, 'cpuacct'] };
  const further = { cpuset: at('cpuset'), hugetlb: hugetlbOf(mounts) };
  return { driver: cgroupV1({ memory, cpu, cpuacct, pids }, further, sayOnce(say)) };
}

/** A controller may be in the v2 tree while the others are in v1. */
function hugetlbOf(mounts: readonly CgroupMount[]): V1Further['hugetlb'] {
  const v1 = mounts.find(({ controllers }) => controllers.includes('hugetlb'));
  if (v1 !== undefined) return { root: v1.point, version: 'v1' };
  const v2 = mounts.find(({ type, point }) => type === 'cgroup2' && offeredControllers(point).includes('hugetlb'));
  return v2 === undefined ? undefined : { root: v2.point, version: 'v2' };
}

/** proc(5), mountinfo: fields up to a lone `-`, then type, source and super options. */
function parseMount(line: string): CgroupMount[] {
  const [before = '', after = ''] = line.split(' - ');
  const point = before.split(' ')[4];
  const [type = '', , options = ''] = after.split(' ');
  if (point === undefined || !type.startsWith('cgroup')) return [];
  return [{ point, type, controllers: type === 'cgroup' ? options.split(',') : [] }];
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
