import type { ResourceDefinition, SubresourceHandler } from '@timonel/sdk/contracts/api-server';
import { pods, type Pod } from '@timonel/sdk/kube';
import { defineKind } from '../definition.ts';
import { ephemeralContainersPart } from '../pod/ephemeral-containers.ts';
import { podColumns } from '../pod/pod-cells.ts';
import { podStrategy } from '../pod/pod-strategy.ts';
import { resizePart } from '../pod/resize.ts';

export function podKind(subresources: Readonly<Record<string, SubresourceHandler<Pod>>>): ResourceDefinition<Pod> {
  return defineKind({
    type: pods,
    schema: 'io.k8s.api.core.v1.Pod',
    shortNames: ['po'],
    categories: ['all'],
    generation: true,
    status: true,
    subresources,
    parts: { ephemeralcontainers: ephemeralContainersPart, resize: resizePart },
    columns: podColumns,
    strategy: podStrategy,
  });
}
