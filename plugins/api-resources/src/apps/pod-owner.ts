/** What the kinds that make pods from a template have in common. */
import type { KubeObject, LabelSelector, PodTemplateSpec } from '@timonel/sdk/kube';
import { child, type Json } from '../defaults.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import { checkPodTemplate } from '../pod/pod-validation.ts';
import { valueAt, wide, type CellColumn } from '../table/columns.ts';
import type { Part } from '../validation/part.ts';
import { checkOwnSelector } from './selector-validation.ts';
import { selectorCell, templateCells } from './template-cells.ts';

/** Fills in the template in `spec.template`. */
export function defaultTemplateOf(object: Json): void {
  defaultPodTemplate(child(object, 'spec')?.['template'] as PodTemplateSpec | undefined);
}

/** The selector and the template of pods that restart for ever. */
export function checkLastingPods(spec: Part, owner: string): void {
  const { selector, template } = { selector: spec.get('selector'), template: spec.get('template') };
  checkOwnSelector(
    { selector, template } as { selector: LabelSelector; template: PodTemplateSpec },
    spec.path,
    spec.found,
  );
  checkPodTemplate(template as PodTemplateSpec | undefined, spec.pathOf('template'), owner, spec.found);
}

const templateAt = (object: KubeObject, names: string): PodTemplateSpec => valueAt(object, names) as PodTemplateSpec;

/** Wide columns `Containers` and `Images` of the template at a path. */
export function templateColumns(names = 'spec.template'): CellColumn[] {
  return [
    wide(
      'Containers',
      'Names of the containers in the template.',
      (object) => templateCells(templateAt(object, names))[0],
    ),
    wide(
      'Images',
      'Images of the containers in the template.',
      (object) => templateCells(templateAt(object, names))[1],
    ),
  ];
}

/** Wide column `Selector` of the label selector at a path. */
export function selectorColumn(names = 'spec.selector'): CellColumn {
  return wide('Selector', 'The label selector of its pods.', (object) =>
    selectorCell(valueAt(object, names) as LabelSelector | undefined),
  );
}
