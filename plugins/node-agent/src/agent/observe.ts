/** Looks at the containers of a pod, and notes what became of them. */
import { withLogMessage } from '../logs/termination-message.ts';
import type { PodRecord } from './executor.ts';

/** `settled`: ids of containers whose record is final and complete, so that they need no look. */
export async function observe(record: PodRecord, settled: Set<string>): Promise<void> {
  const { containers, memory } = record;
  for (const id of settled) if (!containers.has(id)) settled.delete(id);
  for (const { id } of containers.values()) {
    if (settled.has(id)) continue;
    const status = await record.runtime().containerStatus(id);
    if (status === undefined) containers.delete(id);
    else if (status.state === 'exited') {
      containers.set(id, await withLogMessage(record.pod(), status));
      settled.add(id);
    } else containers.set(id, status);
  }
  const { finished, stopping, verdicts } = memory;
  for (const container of containers.values()) {
    if (container.state !== 'exited') continue;
    stopping.delete(container.id);
    verdicts.delete(container.id);
    const before = finished.get(container.name);
    if (before === undefined || before.attempt <= container.attempt) finished.set(container.name, container);
  }
}
