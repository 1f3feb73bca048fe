/** Short forms of rules for the tables of defaults. */
import type { PolicyRule } from '@timonel/sdk/kube';

const words = (text: string): string[] => text.split(' ').filter((word) => word !== '');

export const read = 'get list watch';
export const write = 'create delete deletecollection patch update';

/** `rule('get list', 'apps', 'deployments deployments/scale')`; groups: `core` stands for the one without a name. */
export function rule(verbs: string, groups: string, resources: string, ...resourceNames: string[]): PolicyRule {
  return {
    verbs: words(verbs),
    apiGroups: words(groups).map((group) => (group === 'core' ? '' : group)),
    resources: words(resources),
    ...(resourceNames.length === 0 ? {} : { resourceNames }),
  };
}

export function paths(verbs: string, urls: string): PolicyRule {
  return { verbs: words(verbs), nonResourceURLs: words(urls) };
}
