/** What parts of the node beside its agent add to its status. */
import type { Many } from '@timonel/sdk';
import type { NodePart, NodePartStatus } from '@timonel/sdk/contracts/node-parts';

/** Of several that say the same resource, the first one is right. */
export function nodePartsStatus(parts: Many<NodePart>): Required<NodePartStatus> {
  const all = parts.all().map(({ service }) => service.status());
  const merged = (of: (status: NodePartStatus) => NodePartStatus['capacity']): Record<string, string> =>
    Object.assign({}, ...all.map((status) => of(status) ?? {}).toReversed()) as Record<string, string>;
  return {
    capacity: merged(({ capacity }) => capacity),
    allocatable: merged(({ allocatable }) => allocatable),
    volumesInUse: all.flatMap(({ volumesInUse = [] }) => volumesInUse),
  };
}

/** Calls back when one of them changes, or comes or goes. Returns what ends it. */
export function onNodePartChange(parts: Many<NodePart>, listener: () => void): () => void {
  let ends: (() => void)[] = [];
  let isOver = false;
  const follow = (): void => {
    for (const end of ends.splice(0)) end();
    if (!isOver) ends = parts.all().map(({ service }) => service.onChange(listener));
  };
  follow();
  parts.onChange(() => {
    follow();
    if (!isOver) listener();
  });
  return () => {
    isOver = true;
    follow();
  };
}
