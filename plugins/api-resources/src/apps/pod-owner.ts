/** What the kinds that make pods from a template have in common. */
import type { KubeObject, LabelSelector, PodTemplateSpec } from '@timonel/sdk/kube';
import { child, type Json } from '../defaults.ts';
import { defaultPodTemplate } from '../pod/pod-defaults.ts';
import { checkPodTemplate } from '../pod/pod-validation.ts';
import { valueAt, wide, type CellColumn } from '../table/columns.ts';
import { isObject, itemsOf, objectOf } from '../validation/loose.ts';
import type { Part } from '../validation/part.ts';
import { checkOwnSelector } from './selector-validation.ts';
import { selectorCell, templateCells } from './template-cells.ts';

/** Fills in the template in `spec.template`. */
export function defaultTemplateOf(object: Json): void {
  defaultPodTemplate(child(object, 'spec')?.['template'] as PodTemplateSpec | undefined);
}

/** The template with volumes of these names, which its pods get beside those that it declares. */
function withVolumes(template: unknown, names: readonly string[]): unknown {
  const { spec } = objectOf(template as PodTemplateSpec | undefined);
  if (!isObject(spec) || names.length === 0) return template;
  const declared = itemsOf(spec.volumes);
  const known = new Set(declared.map((volume) => objectOf(volume).name));
  const added = names.filter((name) => !known.has(name)).map((name) => ({ name, emptyDir: {} }));
  return { ...(template as object), spec: { ...spec, volumes: [...declared, ...added] } };
}

/** The selector and the template of pods that restart for ever. `claimed`: volumes that they get beside those of the template. */
export function checkLastingPods(spec: Part, owner: string, claimed: readonly string[] = []): void {
  const { selector, template } = {
    selector: spec.get('selector'),
    template: withVolumes(spec.get('template'), claimed),
  };
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
