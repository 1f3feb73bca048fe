import { errorMessage } from '../../kernel/index.ts';
import { RuntimeError, type LinuxResources, type ResourceUpdate } from '../../contracts/runtime/index.ts';
import type { CgroupDriver } from './driver.ts';

interface Resize {
  readonly path: string;
  readonly update: ResourceUpdate;
  readonly before: LinuxResources;
}

/** Changes the limits of a group, then notes them. @throws RuntimeError ResizeError: then nothing changed, on disk neither */
export function resize(driver: CgroupDriver, { path, update, before }: Resize, note: () => void): void {
  try {
    checkUpdate(update);
    if (driver.usage(path) === undefined) throw new Error('its control group is gone');
    driver.update(path, update);
    try {
      note();
    } catch (error) {
      driver.update(path, reversed(update, before));
      throw error;
    }
  } catch (error) {
    throw new RuntimeError('ResizeError', errorMessage(error), { cause: error });
  }
}

/** What undoes the update. */
function reversed(update: ResourceUpdate, before: LinuxResources): ResourceUpdate {
  const names = Object.keys(update) as (keyof ResourceUpdate)[];
  return Object.fromEntries(names.map((name) => [name, before[name] ?? -1]));
}

function checkUpdate(update: ResourceUpdate): void {
  for (const [name, value] of Object.entries(update)) {
    if (value === undefined || value === -1 || (Number.isSafeInteger(value) && value >= 0)) continue;
    throw new Error(`${name} is ${value}: give a whole number that is not negative, or -1 for no limit`);
  }
}
