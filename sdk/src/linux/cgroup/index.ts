/** Control groups of the kernel, both versions, as container runtimes use them. */
export { detectCgroups, type CgroupDetection } from './detect.ts';
export { withoutCgroups } from './none.ts';
export type { CgroupDriver, CgroupUsage } from './driver.ts';
export { PodGroups } from './pod-groups.ts';
export { removeGroups } from './removal.ts';
export { resize } from './resize.ts';
export { withDevices, type AllowedDevices, type DeviceDriver, type DeviceFilter, type DeviceRule } from './devices.ts';
