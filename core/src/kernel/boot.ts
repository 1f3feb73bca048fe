import { KernelError } from '@timonel/sdk';
import type { Linked } from '../graph/links.ts';
import { quoted } from '../graph/problems.ts';
import type { Graph } from '../graph/resolve.ts';
import { visitInOrder } from '../graph/visit.ts';
import type { PluginRecord } from '../lifecycle/plugin-record.ts';
import type { Launcher } from './launcher.ts';
import type { KernelParts } from './parts.ts';

function checkNeeds(linked: Linked, records: KernelParts['records']): void {
  for (const { token, providers } of linked.needs) {
    if (providers.length === 0 || providers.some((name) => records.get(name)?.state !== 'failed')) continue;
    const message = `plugin '${linked.name}' requires service '${token.id}' of ${quoted(providers)}, which failed`;
    throw new KernelError('ERR_SERVICE_MISSING', message, { plugin: linked.name });
  }
}

/**
 * Builds all plugins, then starts them, in order of the graph and otherwise side by side. An `optional` plugin that
 * fails takes along only those that need it. After a `required` one failed nothing more begins: its error is thrown once
 * all that had begun is settled, and the caller stops the rest.
 */
export async function boot(
  graph: Graph,
  parts: KernelParts,
  launcher: Launcher,
  stopping: () => boolean,
): Promise<void> {
  let failure: { readonly error: unknown } | undefined;
  const phase = (step: (record: PluginRecord) => Promise<void>): Promise<void> =>
    visitInOrder(graph.plugins, async (linked) => {
      const record = parts.records.get(linked.name);
      if (record === undefined || record.state === 'failed' || failure !== undefined || stopping()) return;
      try {
        checkNeeds(linked, parts.records);
        await step(record);
      } catch (error) {
        await launcher.close(record, 'failure', { drain: false });
        if (record.reason === undefined) launcher.failed(record, error);
        if (linked.definition.criticality === 'required') failure ??= { error };
      }
    });
  await phase(async (record) => {
    const life = await launcher.build(record);
    // Nothing runs yet: taps are in place before the first start, and setup can read the services it requires.
    life.activate();
  });
  await phase((record) => launcher.start(record));
  if (failure !== undefined) throw failure.error;
}
