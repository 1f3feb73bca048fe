import type { LinuxResources, ResourceUpdate } from './index.ts';

/** What holds after an update: what it does not name stays, -1 takes a limit away. */
export function updatedResources(before: LinuxResources, update: ResourceUpdate): LinuxResources {
  const given = Object.entries(update).filter(([, value]) => value !== undefined);
  const merged = Object.entries({ ...before, ...Object.fromEntries(given) });
  return Object.fromEntries(merged.filter(([, value]) => value !== -1));
}
