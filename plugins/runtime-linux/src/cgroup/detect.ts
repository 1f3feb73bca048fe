import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CgroupDriver } from './driver.ts';
import { readGroupFile } from './files.ts';
import { cgroupV1 } from './v1.ts';
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

/** Looks at what is mounted: v2 when its one tree has the controllers (also beside v1), else v1. */
export function detectCgroups(mountInfo: string = readFileSync('/proc/self/mountinfo', 'utf8')): CgroupDetection {
  const mounts = mountInfo.split('\n').flatMap(parseMount);
  for (const mount of mounts.filter((each) => each.type === 'cgroup2')) {
    const offered = (readGroupFile(join(mount.point, 'cgroup.controllers')) ?? '').split(' ');
    if (wanted.every((name) => offered.includes(name))) return { driver: cgroupV2(mount.point) };
  }
  const at = (name: string): string | undefined => mounts.find((each) => each.controllers.includes(name))?.point;
  const [memory, cpu, pids] = [at('memory'), at('cpu'), at('pids')];
  const cpuacct = at('cpuacct');
  if (memory === undefined || cpu === undefined || pids === undefined || cpuacct === undefined) {
    return { driver: undefined, missing: [...wanted, 'cpuacct'].filter((name) => at(name) === undefined) };
  }
  return { driver: cgroupV1({ memory, cpu, cpuacct, pids }) };
}

/** proc(5), mountinfo: fields up to a lone `-`, then type, source and super options. */
function parseMount(line: string): CgroupMount[] {
  const [before = '', after = ''] = line.split(' - ');
  const point = before.split(' ')[4];
  const [type = '', , options = ''] = after.split(' ');
  if (point === undefined || !type.startsWith('cgroup')) return [];
  return [{ point, type, controllers: type === 'cgroup' ? options.split(',') : [] }];
}
