import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import { dnsLabelProblems, type Toleration } from '@timonel/sdk/kube';
import { checkResourceList } from '../core/resource-lists.ts';
import { child } from '../defaults.ts';
import { describedKind } from '../described-kind.ts';
import { checkTolerations } from '../pod/placement-validation.ts';
import { canonicalizeQuantities } from '../quantity/canonical.ts';
import { ageColumn, nameColumn, shown, textAt } from '../table/columns.ts';
import { checkLabels } from '../validation/labels.ts';

export const runtimeClassKind: ResourceDefinition = describedKind({
  group: 'node.k8s.io',
  kind: 'RuntimeClass',
  resource: 'runtimeclasses',
  namespaced: false,
  default: (runtime) => canonicalizeQuantities(child(runtime, 'overhead')?.['podFixed']),
  check(runtime) {
    runtime.named('handler', dnsLabelProblems, 'required');
    checkResourceList(runtime.at('overhead').at('podFixed'));
    const scheduling = runtime.at('scheduling');
    checkLabels(scheduling.get('nodeSelector'), scheduling.pathOf('nodeSelector'), runtime.found);
    checkTolerations(scheduling.get('tolerations') as Toleration[], scheduling.pathOf('tolerations'), runtime.found);
  },
  immutable: ['handler'],
  columns: [
    nameColumn,
    shown('Handler', 'How nodes call the runtime.', (runtime) => textAt(runtime, 'handler')),
    ageColumn,
  ],
});
