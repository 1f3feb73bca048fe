import { entryBytes } from './entry-size.ts';
import type { Core } from './core.ts';
import { oldestStreamed } from './snapshot-send.ts';

/** While a snapshot is being sent, the entries behind it are kept up to so many times `tailBytes`. */
const pinnedTails = 4;

/** Drops what the state machine has on disk, but for a tail that saves slow followers a snapshot (§7). */
export function compactLog(core: Core): void {
  const { log, settings } = core;
  const limit = Math.min(core.durableState, log.applied, log.persisted);
  // In steps: taking from the front of an array costs its length.
  const step = Math.max(1, Math.floor(settings.tailEntries / 4));
  if (limit - settings.tailEntries < log.base.index + step && log.bytes <= settings.tailBytes) return;
  let target = Math.max(log.base.index, limit - settings.tailEntries);
  let bytes = log.bytes - log.bytesTo(target);
  while (bytes > settings.tailBytes && target < limit) bytes -= entryBytes(log.entryAt(++target));
  if (log.bytes <= pinnedTails * settings.tailBytes) target = Math.min(target, oldestStreamed(core));
  if (target <= log.base.index) return;
  log.compact(target);
  core.compacted = true;
}
