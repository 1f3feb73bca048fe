import type { SwapReport } from '@timonel/sdk';
import { tokensOf } from '../graph/check-definition.ts';
import type { KernelParts, KernelTools } from '../kernel/parts.ts';
import { drained } from '../lifecycle/drained.ts';
import type { PluginLife } from '../lifecycle/plugin-life.ts';
import { describeError, type PluginRecord } from '../lifecycle/plugin-record.ts';
import type { Slot } from '../services/slot.ts';

/** State that goes from one provider to the next. */
export interface Handover {
  readonly state: unknown;
  readonly from: { readonly plugin: string; readonly version: string };
}

export interface Replacement extends Omit<SwapReport, 'service'> {
  readonly handover: Handover | undefined;
}

/** Who goes, who comes, and what to hand over when the one who goes cannot say. */
export interface ReplaceRequest {
  readonly from: PluginRecord;
  readonly to: PluginRecord;
  readonly fallback?: Handover | undefined;
}

/**
 * Puts `to` in the place of `from`. Up to the switch every failure leaves `from` serving: untouched, or, when it was
 * told to drain and so takes no new work, rebuilt. Calls that outlast the drain deadline stay with `from` and fail with
 * ERR_SERVICE_UNAVAILABLE when it is stopped. The slots are open again whatever happens.
 */
export async function replaceProvider(tools: KernelTools, request: ReplaceRequest): Promise<Replacement> {
  const { parts, launcher } = tools;
  const { from, to } = request;
  // One that ran aside of the service goes: what serves begins anew.
  await launcher.close(to, 'swap', { drain: false });
  const life = await launcher.build(to);
  await launcher.probe(to);
  const slots = tokensOf(from.entry.definition, 'provides')
    .filter(([, token]) => token.cardinality === 'one')
    .map(([, token]) => parts.services.slot(token));
  const pausedAt = parts.env.clock.monotonic();
  for (const slot of slots) slot.pause();
  let heldCalls = 0;
  let outcome: { readonly drainedCalls: number; readonly handover: Handover | undefined };
  try {
    outcome = await handOver(tools, request, life, slots);
  } finally {
    for (const slot of slots) heldCalls += slot.resume();
  }
  const pauseMs = parts.env.clock.monotonic() - pausedAt;
  await launcher.close(from, 'swap', { drain: false });
  return { from: from.name, to: to.name, pauseMs, heldCalls, ...outcome };
}

async function handOver(
  tools: KernelTools,
  request: ReplaceRequest,
  life: PluginLife,
  slots: readonly Slot[],
): Promise<{ drainedCalls: number; handover: Handover | undefined }> {
  const { parts, launcher } = tools;
  const { from, to } = request;
  const old = from.life;
  let handover: Handover | undefined;
  try {
    const drainedCalls = old === undefined ? 0 : await drainOld(parts, old, slots);
    handover = await exportFrom(parts, request, life);
    if (handover !== undefined) await life.importState(handover.state, handover.from);
    await launcher.start(to);
    // From here on nothing waits: no call can fall between the two.
    old?.deactivate();
    life.activate();
    return { drainedCalls, handover };
  } catch (error) {
    if (to.life !== undefined) await launcher.discard(to, error);
    if (old?.drains === true) await revive(tools, from, handover);
    throw error;
  }
}

async function drainOld(parts: KernelParts, old: PluginLife, slots: readonly Slot[]): Promise<number> {
  const bindings = slots.map((slot) => slot.binding).filter((binding) => binding !== undefined);
  const inFlight = (): number => bindings.reduce((sum, { pending }) => sum + pending.size, 0);
  const before = inFlight();
  // Who hangs here is being replaced, perhaps for that very reason: go on without its word.
  const ended = old
    .drain()
    .catch((error: unknown) => parts.log.warn({ plugin: old.record.name }, describeError(error)));
  await Promise.all([ended, ...bindings.map((busy) => drained(busy, parts.limits.drainMs, parts.deadlines))]);
  return before - inFlight();
}

async function exportFrom(
  parts: KernelParts,
  request: ReplaceRequest,
  life: PluginLife,
): Promise<Handover | undefined> {
  const { from, fallback } = request;
  if (!life.importsState) return undefined;
  if (from.life?.exportsState !== true) return fallback;
  try {
    const { name: plugin, version } = from.entry.definition;
    return { state: await from.life.exportState(), from: { plugin, version } };
  } catch (error) {
    if (fallback === undefined) throw error;
    parts.log.warn({ plugin: from.name }, `${describeError(error)}; its state from before the swap is used`);
    return fallback;
  }
}

/** Builds a drained provider anew, with the state it gave away. */
async function revive(tools: KernelTools, record: PluginRecord, handover: Handover | undefined): Promise<void> {
  const { launcher, supervisor, parts } = tools;
  try {
    await launcher.close(record, 'swap', { drain: false });
    const life = await launcher.build(record);
    if (handover !== undefined && life.importsState) await life.importState(handover.state, handover.from);
    await launcher.start(record);
    life.activate();
  } catch (error) {
    parts.log.error({ plugin: record.name }, `could not be revived after a failed swap: ${describeError(error)}`);
    if (record.life !== undefined) await launcher.discard(record, error);
    supervisor.takeOver(record, error);
  }
}
