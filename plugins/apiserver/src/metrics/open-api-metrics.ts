import type { MetricOpener } from '@timonel/sdk';
import type { StoreFeed } from '../cache/store-feed.ts';
import { verbsOf } from '../discovery/verbs.ts';
import { serverVersion } from '../discovery/version.ts';
import type { KindTable } from '../kinds/kind-table.ts';
import { apiMetrics, type ApiMetrics } from './definitions.ts';

export interface ApiFigures {
  readonly feed: StoreFeed;
  readonly kinds: KindTable;
  readonly connections: () => number;
}

/** Opens the metrics of the server; what can be looked up is looked up at each collection. */
export function openApiMetrics(open: MetricOpener, { feed, kinds, connections }: ApiFigures): ApiMetrics {
  return open(apiMetrics, (metrics) => {
    metrics.objects.clear();
    for (const kind of kinds.all()) {
      const { group, resource } = kind.definition;
      if (kind.view !== undefined || !verbsOf(kind).includes('watch')) continue;
      metrics.objects.of(group, resource).set(feed.cache(kind.prefix).size);
    }
    metrics.connections.of().set(connections());
    const { major = '', minor = '', gitVersion = '', platform = '' } = serverVersion;
    metrics.build.of(major, minor, gitVersion, platform).set(1);
  });
}
