import type { ResourceDefinition } from '@timonel/sdk/contracts/api-server';
import type { PodTemplateSpec } from '@timonel/sdk/kube';
import { templateCells } from '../apps/template-cells.ts';
import { describedKind } from '../described-kind.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import { checkTemplate } from '../pod/pod-validation.ts';
import { nameColumn, none, shown, valueAt } from '../table/columns.ts';
import { textEntries } from '../validation/loose.ts';

const templateOf = (object: unknown): PodTemplateSpec => valueAt(object, 'template') as PodTemplateSpec;

export const podTemplateKind: ResourceDefinition = describedKind({
  group: '',
  kind: 'PodTemplate',
  resource: 'podtemplates',
  generation: true,
  default: (object) => defaultPodTemplate(templateOf(object)),
  check: (object) => checkTemplate(templateOf(object.raw), 'template', object.found),
  columns: [
    nameColumn,
    shown('Containers', 'Names of the containers in the template.', (object) => templateCells(templateOf(object))[0]),
    shown('Images', 'Images of the containers in the template.', (object) => templateCells(templateOf(object))[1]),
    shown('Pod Labels', 'The labels of the template.', (object) => {
      const labels = textEntries(valueAt(object, 'template.metadata.labels'));
      return labels.length === 0
        ? none
        : labels
            .map(([key, value]) => `${key}=${value}`)
            .sort()
            .join(',');
    }),
  ],
});
