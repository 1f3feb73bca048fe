/** What is offered, as clients find it. */
import type { RoutedGroup, RoutedResource } from '@timonel/sdk/contracts/api-server';
import type { OfferedMetric } from '@timonel/sdk/contracts/metrics';
import { customGroup, externalGroup } from './answers.ts';

function once(resources: readonly RoutedResource[]): RoutedResource[] {
  return [...new Map(resources.map((resource) => [resource.name, resource])).values()];
}

function customResource({ group, resource, metric, namespaced }: OfferedMetric): RoutedResource {
  const name = `${group === '' ? resource : `${resource}.${group}`}/${metric}`;
  return { name, namespaced, kind: 'MetricValueList', verbs: ['get'] };
}

function externalResource(name: string): RoutedResource {
  return { name, namespaced: true, kind: 'ExternalMetricValueList', verbs: ['get'] };
}

/** Answers the same list as long as the same is offered. Groups without a metric are not shown. */
export class DiscoveredGroups {
  #text = '';
  #groups: readonly RoutedGroup[] = [];

  of(objects: readonly OfferedMetric[], external: readonly string[]): readonly RoutedGroup[] {
    const groups = [
      { ...customGroup, resources: once(objects.map(customResource)) },
      { ...externalGroup, resources: once(external.map(externalResource)) },
    ].filter(({ resources }) => resources.length > 0);
    const text = JSON.stringify(groups);
    if (text !== this.#text) {
      this.#text = text;
      this.#groups = groups;
    }
    return this.#groups;
  }
}
